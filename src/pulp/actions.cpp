// Verbs of repositories, guards and tasks. What they do is done when they are answered, with a task
// that says so (contract/pulp.md, first section).
#include <algorithm>
#include <chrono>
#include <ranges>

#include <nlohmann/json.hpp>

#include "hubcache/access/accounts.h"
#include "hubcache/registry/load.h"
#include "hubcache/rest/row.h"
#include "hubcache/rest/stamps.h"
#include "hubcache/rest/validation.h"

#include "recorder.h"
#include "resources.h"

namespace hubcache::pulp {
namespace {

using rest::Json;

constexpr const char* kOwner = "core.rbaccontentguard_owner";
constexpr const char* kRepository = "repositories/hugging_face/hugging-face/{id}/";
constexpr const char* kVersion = "repositories/hugging_face/hugging-face/{id}/versions/{number}/";
constexpr const char* kGuard = "contentguards/core/rbac/{id}/";
constexpr std::chrono::days kPurgeAfter{30};

using Shared = std::shared_ptr<const Json>;

rest::Reply reply(int status, const Json& body) {
  return {.status = status, .body = rest::to_text(body)};
}
tasks::Report report(const char* code, const char* message, std::int64_t done) {
  return {.code = code,
          .message = message,
          .state = tasks::State::kCompleted,
          .total = done,
          .done = done};
}

// Who may download through an rbac guard ---------------------------------------------------------

/// The accounts with these names, or what is wrong with them.
struct Named {
  std::vector<access::Account> accounts;
  Json errors = Json::object();
};
Named accounts_named(db::Connection& sql, const Json& names) {
  Named named;
  const auto all = access::all_accounts(sql);
  for (std::size_t i = 0; i < names.size(); ++i) {
    const auto name = names[i].get<std::string>();
    const auto found = std::ranges::find(all, name, &access::Account::name);
    if (found != all.end()) {
      named.accounts.push_back(*found);
    } else {
      named.errors[std::to_string(i)] =
          rest::error_list("Object with username=" + name + " does not exist.");
    }
  }
  return named;
}

rest::Reply echo(const Json& values) {
  const auto list = [&](const char* name) {
    return values.at(name).is_array() ? values.at(name) : Json::array();
  };
  return reply(
      201, Json{{"role", values.at("role")}, {"users", list("users")}, {"groups", list("groups")}});
}

/// What is wrong with the role and the groups; an empty object when all is well.
Json role_errors(const Json& values) {
  Json errors = Json::object();
  const auto& role = values.at("role");
  if (role != kOwner && role != kDownloader) {
    errors["role"] =
        rest::error_list("Object with name=" + role.get<std::string>() + " does not exist.");
  }
  Json groups = Json::object();
  for (std::size_t i = 0; values.at("groups").is_array() && i < values.at("groups").size(); ++i) {
    groups[std::to_string(i)] = rest::error_list(
        "Object with name=" + values.at("groups")[i].get<std::string>() + " does not exist.");
  }
  if (!groups.empty()) errors["groups"] = std::move(groups);
  return errors;
}

/// Of a role and who has it.
Json role_schema() {
  const Json names{{"type", "array"}, {"items", {{"type", "string"}}}};
  return {{"type", "object"},
          {"properties", {{"role", {{"type", "string"}}}, {"users", names}, {"groups", names}}},
          {"required", {"role", "users", "groups"}}};
}

enum class Grant : std::uint8_t { kGive, kTake };

rest::Reply change_role(db::Connection& sql, rest::Row& guard, const Json& values, Grant grant) {
  auto errors = role_errors(values);
  const auto& users = values.at("users");
  auto named = accounts_named(sql, users.is_array() ? users : Json::array());
  if (!named.errors.empty()) errors["users"] = std::move(named.errors);
  if (!errors.empty()) return reply(400, errors);
  const bool of_owners = values.at("role") == kOwner;
  auto& downloaders = guard.doc["downloaders"];
  for (const auto& account : named.accounts) {
    const auto found = std::ranges::find(downloaders, Json(account.id));
    const bool has = of_owners ? account.role == access::Role::kAdmin : found != downloaders.end();
    if (has == (grant == Grant::kGive)) {
      const std::string how = has ? "already assigned to" : "not assigned to";
      return reply(
          400, Json{{"non_field_errors",
                     rest::error_list("The role is " + how + " user '" + account.name + "'.")}});
    }
    if (of_owners) {
      return reply(400, Json{{"role", rest::error_list("Owners are the administrators; they are "
                                                       "made elsewhere.")}});
    }
    has ? static_cast<void>(downloaders.erase(found)) : downloaders.push_back(account.id);
  }
  return echo(values);
}

rest::Action role_action(const char* verb, Grant grant) {
  return {.path = std::string(kGuard) + verb + "/",
          .operation = std::string("contentguards_core_rbac_") + verb,
          .status = 201,
          .target = std::string(registry::kRbacGuardKind),
          .has_options = false,
          .fields = {rest::text("role").required(), rest::texts("users"), rest::texts("groups")},
          .schema = std::make_shared<const Json>(role_schema()),
          .change = [grant](db::Connection& sql, rest::Row& guard, const Json& values) {
            return change_role(sql, guard, values, grant);
          }};
}

rest::View list_roles(const Services& services) {
  auto handle = [&database = services.database](const rest::Call& call) {
    auto load = [id = call.id](db::Connection& sql) {
      auto rows = sql.query("SELECT doc FROM resources WHERE id = ?1 AND kind = ?2", id,
                            std::string(registry::kRbacGuardKind));
      if (!rows.step()) {
        return reply(404, Json{{"detail", "No RBACContentGuard matches the given query."}});
      }
      const auto ids = Json::parse(rows.text(0)).value("downloaders", std::vector<std::int64_t>());
      Json owners = Json::array();
      Json downloaders = Json::array();
      const auto accounts = access::all_accounts(sql);
      for (const auto& account : accounts) {
        if (account.role == access::Role::kAdmin) owners.push_back(account.name);
      }
      for (const auto downloader : std::views::reverse(ids)) {  // who came last is first
        const auto account = std::ranges::find(accounts, downloader, &access::Account::id);
        if (account != accounts.end()) downloaders.push_back(account->name);
      }
      const auto role = [](const char* name, Json users) {
        return Json{{"role", name}, {"users", std::move(users)}, {"groups", Json::array()}};
      };
      return reply(
          200,
          Json{{"roles", Json::array({role(kOwner, owners), role(kDownloader, downloaders)})}});
    };
    return database.read(std::move(load));
  };
  return {.path = std::string(kGuard) + "list_roles/",
          .methods = {"GET"},
          .handle = handle,
          .has_options = false,
          .operations = {"contentguards_core_rbac_list_roles"},
          .schema_name = "ObjectRolesResponse",
          .schema = std::make_shared<const Json>(
              Json{{"type", "object"},
                   {"properties", {{"roles", {{"type", "array"}, {"items", role_schema()}}}}},
                   {"required", Json::array({"roles"})}})};
}

// Repositories -----------------------------------------------------------------------------------

rest::Action sync_repository() {
  return {
      .path = std::string(kRepository) + "sync/",
      .operation = "repositories_hugging_face_hugging_face_sync",
      .target = std::string(kRepositoryKind),
      .fields = {rest::href("remote", std::string(registry::kRemoteKind)).nullable(),
                 rest::boolean("mirror").fallback(false), rest::boolean("optimize").fallback(true)},
      .handle = [](rest::Call, Shared values) {
        if (values->at("remote").is_null()) {
          return rest::ready(reply(
              400,
              Json{{"remote",
                    rest::error_list(
                        "This field is required since a remote is not set on the repository.")}}));
        }
        return rest::ready(reply(
            501, Json{{"detail",
                       "Repositories are not synced: content is pulled through distributions."}}));
      }};
}

/// What there is no way to do here, but is asked for by name.
rest::Action not_here(std::string path, std::string operation, std::string target,
                      std::vector<rest::Field> fields) {
  return {
      .path = std::move(path),
      .operation = std::move(operation),
      .target = std::move(target),
      .fields = std::move(fields),
      .handle = [](rest::Call, Shared) {
        return rest::ready(reply(
            501,
            Json{{"detail",
                  "Content is pulled through distributions; it is not put into repositories."}}));
      }};
}

rest::Action create_publication() {
  auto needs_one = [](const rest::Proposal& proposal) -> std::string {
    if (!proposal.after["repository"].is_null() ||
        !proposal.after["repository_version"].is_null()) {
      return {};
    }
    return "Either the 'repository' or 'repository_version' need to be specified";
  };
  return {
      .path = "publications/hugging_face/hugging-face/",
      .operation = "publications_hugging_face_hugging_face_create",
      .fields = {rest::href("repository_version", std::string(kVersionKind)).nullable(),
                 rest::href("repository", std::string(kRepositoryKind)).nullable()},
      .checks = {needs_one},
      .handle = [](rest::Call, Shared) {
        return rest::ready(reply(
            501, Json{{"detail",
                       "There is nothing to publish: content is pulled through distributions."}}));
      }};
}

rest::Action reclaim_space(std::shared_ptr<Recorder> recorder) {
  return {.path = "repositories/reclaim_space/",
          .operation = "repositories_reclaim_space_reclaim",
          .fields = {rest::uris("repo_hrefs", std::string(kRepositoryKind)).required().or_all(),
                     rest::hrefs("repo_versions_keeplist", std::string(kVersionKind))},
          .handle = [recorder](rest::Call call, Shared) {
            auto work = [](db::Connection&, tasks::Record& task) {
              // Repositories hold nothing: what is cached belongs to remotes.
              task.reports = {report("reclaim-space.artifact", "Reclaim disk space", 0)};
            };
            return recorder->finish(call, "reclaim_space.reclaim_space", work);
          }};
}

/// Nothing is in a version, so nothing can be broken.
rest::Action repair_version(std::shared_ptr<Recorder> recorder) {
  return {.path = std::string(kVersion) + "repair/",
          .operation = "repositories_hugging_face_hugging_face_versions_repair",
          .target = std::string(kRepositoryKind),
          .fields = {rest::boolean("verify_checksums").fallback(true)},
          .handle = [recorder](rest::Call call, Shared) {
            if (call.id != "0") {
              return rest::ready(
                  reply(404, Json{{"detail", "No RepositoryVersion matches the given query."}}));
            }
            auto work = [](db::Connection&, tasks::Record& task) {
              task.reports = {report("repair.missing", "Identify missing units", 0),
                              report("repair.corrupted", "Identify corrupted units", 0),
                              report("repair.repaired", "Repair corrupted units", 0)};
            };
            return recorder->finish(call, "repository.repair_version", work);
          }};
}

/// The only version of a repository stays: the task says so.
rest::View delete_version(const Services& services, std::shared_ptr<Recorder> recorder) {
  auto handle = [&database = services.database, recorder](rest::Call call) -> Task<rest::Reply> {
    auto exists = [id = call.parent](db::Connection& sql) {
      return sql
          .query("SELECT 1 FROM resources WHERE id = ?1 AND kind = ?2", id,
                 std::string(kRepositoryKind))
          .step();
    };
    if (call.id != "0" || !co_await database.read(std::move(exists))) {
      co_return reply(404, Json{{"detail", "No RepositoryVersion matches the given query."}});
    }
    auto work = [](db::Connection&, tasks::Record& task) {
      task.state = tasks::State::kFailed;
      task.error = rest::to_text(
          Json{{"traceback", nullptr},
               {"description",
                "Cannot delete repository version. Repositories must have at least one "
                "repository version."},
               {"error_code", "PLP0007"}});
    };
    co_return co_await recorder->finish(call, "repository.delete_version", work);
  };
  return {.path = kVersion,
          .methods = {"DELETE"},
          .handle = handle,
          .operations = {"repositories_hugging_face_hugging_face_versions_delete"},
          .status = 202};
}

// Tasks ------------------------------------------------------------------------------------------

rest::Action purge_tasks(std::shared_ptr<Recorder> recorder, const Clock& clock) {
  auto purge = [&clock](db::Connection& sql, tasks::Record& task, const Json& values) {
    const auto& given = values.at("finished_before");
    const auto before = given.is_string()
                            ? *rest::parse_iso_time(given.get<std::string>())
                            : (clock.now() - kPurgeAfter).time_since_epoch().count() * 1000;
    const auto states =
        values.at("states").is_array() ? values.at("states") : Json::array({"completed"});
    std::int64_t gone = 0;
    for (const auto& name : states) {  // none is ever skipped here
      const auto state = name.get<std::string>();
      if (state != "skipped") gone += tasks::purge(sql, tasks::state_named(state), before);
    }
    task.reports = {report("purge.tasks.total", "Purged task-related-objects total", gone),
                    report("purge.tasks.key.core.Task", "Purged core.Task objects", gone),
                    report("purge.tasks.error", "Errors purging task-objects", 0)};
  };
  return {.path = "tasks/purge/",
          .operation = "tasks_purge",
          .has_options = false,
          .fields = {rest::time("finished_before"),
                     rest::texts("states", {"skipped", "completed", "failed", "canceled"})},
          .handle = [recorder, purge](rest::Call call, Shared values) {
            auto work = [purge, values](db::Connection& sql, tasks::Record& task) {
              purge(sql, task, *values);
            };
            return recorder->finish(call, "purge.purge", work);
          }};
}

/// Bytes go when nothing needs them (orphans/cleanup), not one by one.
rest::View delete_artifact() {
  return {.path = "artifacts/{id}/", .methods = {"DELETE"}, .handle = [](const rest::Call&) {
            return rest::ready(
                reply(403, Json{{"detail", "You do not have permission to perform this action."}}));
          }};
}

}  // namespace

std::vector<rest::Action> actions(const Services& services, const std::string& root) {
  auto recorder = std::make_shared<Recorder>(services, root);
  return {
      role_action("add_role", Grant::kGive),
      role_action("remove_role", Grant::kTake),
      sync_repository(),
      create_publication(),
      not_here(std::string(kRepository) + "modify/",
               "repositories_hugging_face_hugging_face_modify", std::string(kRepositoryKind),
               {rest::uris("add_content_units", std::string(kContentKind)),
                rest::uris("remove_content_units", std::string(kContentKind)),
                rest::href("base_version", std::string(kVersionKind)).nullable()}),
      not_here("content/hugging_face/hugging-face/", "content_hugging_face_hugging_face_create", "",
               {rest::text("repo_id"), rest::text("relative_path"), rest::text("artifact")}),
      reclaim_space(recorder),
      repair_version(recorder),
      purge_tasks(recorder, services.clock)};
}

std::vector<rest::View> action_views(const Services& services, const std::string& root) {
  return {list_roles(services), delete_artifact(),
          delete_version(services, std::make_shared<Recorder>(services, root))};
}

}  // namespace hubcache::pulp
