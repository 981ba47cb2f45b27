#pragma once

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "hubcache/base/stamps.h"
#include "hubcache/pulp/pulp.h"
#include "hubcache/rest/api.h"
#include "hubcache/rest/resource.h"
#include "hubcache/rest/stamps.h"
#include "hubcache/tasks/record.h"

namespace hubcache::pulp {

inline constexpr std::string_view kRepositoryKind = "repository";
inline constexpr std::string_view kVersionKind = "repository_version";
inline constexpr std::string_view kContentKind = "content";
inline constexpr std::string_view kArtifactKind = "artifact";
inline constexpr std::string_view kPublicationKind = "publication";
inline constexpr const char* kDownloader = "core.rbaccontentguard_downloader";  // a role

struct Described {
  bool mask_secrets = false;
  std::string content_prefix = "/pulp/content/";
};

rest::Resource remote(const Described& with);
rest::Resource distribution(const Described& with);
/// The four kinds, and the list of them all.
std::vector<rest::Resource> guards();
rest::Resource repository();
/// Of each repository its version 0.
rest::Resource repository_version();
/// There are none.
rest::Resource publication();
/// Read-only lists of what several kinds have in common.
std::vector<rest::Resource> lists_of_all_kinds(const Described& with);
/// What serves a content: nothing does, as nothing is in repositories, but it has to be there.
rest::Filter serves_content_filter();
/// What is in the version of a repository: nothing is.
rest::Filter version_filter(std::string name);
rest::Filter checkpoint_filter();

/// What is cached: entries of the Hub whose bytes are stored...
rest::Resource content();
rest::Resource all_content();
/// The keys of the entries that are the contents with these ids; null stands for none.
std::vector<std::string> entry_keys(db::Connection& sql, const rest::Json& ids);
/// ...and those bytes.
rest::Resource artifact(const std::filesystem::path& data_dir);

rest::Resource user();
rest::Resource group();
rest::Resource role();
rest::Resource upload();
/// What Pulp lets clients make and hubcache does not: accounts, and bytes that no repository holds.
std::vector<rest::View> made_elsewhere();
/// This process.
rest::Resource worker(const Clock& clock);

rest::Resource task(const db::SecretBox& secrets, bool mask_secrets);

/// There are none: what hubcache does in groups is one task.
rest::Resource task_group();

/// The verbs of repositories, guards and tasks.
std::vector<rest::Action> actions(const Services& services, const std::string& root);
/// GET and DELETE beside them.
std::vector<rest::View> action_views(const Services& services, const std::string& root);

/// The verbs that tend the whole cache: POST, and DELETE beside it.
std::vector<rest::Action> upkeep(const Services& services, const std::string& root);
std::vector<rest::View> upkeep_views(const Services& services, const std::string& root);

/// PATCH and DELETE of tasks.
std::vector<rest::View> task_views(const Services& services, const rest::Options& options);
/// Where a task's result is sealed.
db::SecretBox::Place place_of_result(std::string_view id);
/// A task that waits, made now.
tasks::Record new_task(Stamps& stamps, std::string name);
/// Ends a task that began and ended when it was made.
void finish(tasks::Record& task, tasks::State state);
std::string href_of(const std::string& root, const tasks::Record& task);
/// Keeps a finished task; returns its href.
std::string record_task(db::Connection& sql, const db::SecretBox& secrets, Stamps& stamps,
                        const std::string& root, const rest::FinishedTask& finished);

}  // namespace hubcache::pulp
