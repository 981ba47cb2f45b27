#pragma once

#include <string>
#include <vector>

#include "hubcache/rest/api.h"
#include "hubcache/rest/resource.h"
#include "hubcache/rest/stamps.h"

namespace hubcache::pulp {

struct Described {
  bool mask_secrets = false;
  std::string content_prefix = "/pulp/content/";
};

rest::Resource remote(const Described& with);
rest::Resource distribution(const Described& with);
/// The four kinds, and the list of them all.
std::vector<rest::Resource> guards();
rest::Resource task(const db::SecretBox& secrets, bool mask_secrets);

/// There are none: what hubcache does in groups is one task.
rest::Resource task_group();

/// PATCH and DELETE of tasks.
std::vector<rest::View> task_views(db::Database& database, const db::SecretBox& secrets,
                                   const rest::Options& options);
/// Keeps a finished task; returns its href.
std::string record_task(db::Connection& sql, const db::SecretBox& secrets, rest::Stamps& stamps,
                        const std::string& root, const rest::FinishedTask& task);

}  // namespace hubcache::pulp
