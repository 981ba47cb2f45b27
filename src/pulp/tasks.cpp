#include <algorithm>
#include <utility>

#include <nlohmann/json.hpp>

#include "hubcache/pulp/pulp.h"
#include "hubcache/rest/parsing.h"
#include "hubcache/rest/rendering.h"
#include "hubcache/rest/row.h"
#include "hubcache/rest/validation.h"

#include "resources.h"

namespace hubcache::pulp {
namespace {

using rest::Filter;
using rest::Json;
using rest::Row;

constexpr db::Migration kMigrations[] = {{.number = 600, .name = "pulp: tasks", .sql = R"(
CREATE TABLE pulp_tasks (
  id TEXT PRIMARY KEY,
  name TEXT NOT NULL,
  state TEXT NOT NULL,
  created INTEGER NOT NULL,
  updated INTEGER NOT NULL,
  finished INTEGER NOT NULL,
  logging_cid TEXT NOT NULL,
  created_by TEXT,
  created_resources TEXT NOT NULL,
  created_prns TEXT NOT NULL,
  locks TEXT NOT NULL,
  result TEXT
) STRICT, WITHOUT ROWID;
CREATE TABLE pulp_state (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  bootstrapped_remote TEXT NOT NULL
) STRICT;
)"},
                                         {.number = 601, .name = "pulp: how tasks went", .sql = R"(
ALTER TABLE pulp_tasks ADD COLUMN error TEXT;
ALTER TABLE pulp_tasks ADD COLUMN reports TEXT NOT NULL DEFAULT '[]';
)"}};

constexpr std::string_view kStateFilters[] = {"", "in", "ne"};
constexpr std::string_view kTaskNameFilters[] = {"", "contains", "in", "ne"};
constexpr std::string_view kCidFilters[] = {"", "contains"};
constexpr std::string_view kExact[] = {""};
constexpr std::string_view kExactIn[] = {"", "in"};

constexpr const char* kSealedResult = "$result";

Json texts(const std::vector<std::string>& list) { return list; }

Row row_of(const db::Statement& columns) {
  Row row{.id = columns.text(0),
          .kind = {},
          .type = {},
          .name = columns.text(1),
          .created = columns.integer(3),
          .updated = columns.integer(4)};
  const auto finished = rest::iso_time(columns.integer(5));
  row.doc = Json{{"state", columns.text(2)},
                 {"name", row.name},
                 {"logging_cid", columns.text(6)},
                 {"unblocked_at", rest::iso_time(row.created)},
                 {"started_at", rest::iso_time(row.created)},
                 {"finished_at", finished},
                 {"child_tasks", Json::array()},
                 {"error", columns.is_null(12) ? Json() : Json::parse(columns.text(12))},
                 {"progress_reports", Json::parse(columns.text(13))},
                 {"created_resources", Json::parse(columns.text(8))},
                 {"created_resource_prns", Json::parse(columns.text(9))},
                 {"reserved_resources_record", Json::parse(columns.text(10))}};
  if (!columns.is_null(7)) row.doc["created_by"] = columns.text(7);
  if (!columns.is_null(11)) row.doc[kSealedResult] = columns.text(11);
  return row;
}

constexpr std::string_view kAllTasks =
    "SELECT id, name, state, created, updated, finished, logging_cid, created_by, "
    "created_resources, created_prns, locks, result, error, reports FROM pulp_tasks";
constexpr std::string_view kOneTask =
    "SELECT id, name, state, created, updated, finished, logging_cid, created_by, "
    "created_resources, created_prns, locks, result, error, reports FROM pulp_tasks WHERE id = ?1";

std::vector<Row> all_tasks(db::Connection& sql) {
  std::vector<Row> rows;
  auto columns = sql.query(kAllTasks);
  while (columns.step()) rows.push_back(row_of(columns));
  return rows;
}

std::optional<Row> find_task(db::Connection& sql, std::string_view id) {
  auto columns = sql.query(kOneTask, id);
  if (!columns.step()) return std::nullopt;
  return row_of(columns);
}

db::SecretBox::Place place_of(std::string_view id) {
  return {.table = "pulp_tasks", .row = id, .field = "result"};
}

/// The object a task made or changed, secrets in clear or masked.
Json open_result(const db::SecretBox& secrets, bool mask, const Row& row) {
  const auto sealed = row.doc.value(kSealedResult, Json());
  if (!sealed.is_string()) return {};
  auto result = Json::parse(secrets.open(sealed.get<std::string>(), place_of(row.id)));
  const auto token = result.value("hf_token", Json());
  if (mask && token.is_string() && !token.get<std::string>().starts_with("hf_...")) {
    result["hf_token"] = rest::masked(token.get<std::string>());
  }
  return result;
}

std::string reference_error(const std::string& value) {
  if (value.starts_with('/') || value.starts_with("prn:")) return {};
  return "URI couldn't be resolved: " + value;
}

/// The id at the end of an href or PRN.
std::string id_at_end_of(std::string_view text) {
  while (text.ends_with('/')) text.remove_suffix(1);
  return std::string(text.substr(text.find_last_of("/:") + 1));
}

enum class Lock { kAny, kExclusive, kShared };

bool locks(const Row& row, Lock kind, const std::string& reference) {
  const auto end = ":" + id_at_end_of(reference);
  return std::ranges::any_of(row.doc.at("reserved_resources_record"), [&](const Json& entry) {
    const auto lock = entry.get<std::string>();
    const bool shared = lock.starts_with("shared:");
    const bool fits = kind == Lock::kAny || shared == (kind == Lock::kShared);
    return fits && lock.ends_with(end);
  });
}

Filter lock_filter(const char* name, Lock kind) {
  auto matches = [kind](const Row& row, std::string_view lookup, const std::string& value) {
    if (lookup.empty()) return locks(row, kind, value);
    std::string_view rest = value;  // with `in`, all of them
    while (!rest.empty()) {
      const auto end = std::min(rest.find(','), rest.size());
      if (!locks(row, kind, std::string(rest.substr(0, end)))) return false;
      rest.remove_prefix(std::min(end + 1, rest.size()));
    }
    return true;
  };
  return {.name = name,
          .lookups = kExactIn,
          .kind = Filter::Kind::kCustom,
          .matches = matches,
          .refuse = {}};
}

Filter time_filter(const char* name) {
  return {.name = name, .lookups = rest::kTimeFilters, .kind = Filter::Kind::kTime};
}

/// A relation no task here has.
Filter empty_relation(const char* name) {
  return {.name = name,
          .lookups = kExact,
          .kind = Filter::Kind::kCustom,
          .matches = [](const Row&, std::string_view, const std::string&) { return false; },
          .refuse = reference_error};
}

Filter created_filter() {
  auto matches = [](const Row& row, std::string_view, const std::string& value) {
    const auto id = id_at_end_of(value);
    const auto& created = row.doc.at("created_resources");
    return std::ranges::any_of(
        created, [&](const Json& href) { return id_at_end_of(href.get<std::string>()) == id; });
  };
  return {.name = "created_resources",
          .lookups = kExact,
          .kind = Filter::Kind::kCustom,
          .matches = matches,
          .refuse = {}};
}

Filter worker_filter() {
  auto none = empty_relation("worker");
  none.refuse = {};
  return none;
}

rest::Reply reply_of(int status, const Json& body) {
  return {.status = status, .body = rest::to_text(body)};
}

/// What is wrong with the body of a cancel, by field.
Json cancel_errors(const rest::Parsed& body) {
  const auto& values = body.input.values;
  Json errors = Json::object();
  if (!values.is_object()) {
    errors["non_field_errors"] = rest::error_list("Invalid data. Expected a dictionary, but got " +
                                                  rest::type_name(values) + ".");
  } else if (!values.contains("state")) {
    errors["state"] = rest::error_list("This field is required.");
  } else if (values.at("state").is_null()) {
    errors["state"] = rest::error_list("This field may not be null.");
  } else if (values.at("state") != "canceled") {
    errors["state"] = rest::error_list("The only acceptable value for 'state' is 'canceled'.");
  }
  return errors;
}

}  // namespace

std::span<const db::Migration> migrations() { return kMigrations; }

rest::Resource task(const db::SecretBox& secrets, bool mask_secrets) {
  auto result = [&secrets, mask_secrets](const Row& row, const rest::Rendering&) {
    return open_result(secrets, mask_secrets, row);
  };
  return {
      .name = "Task",
      .kind = "task",
      .path = "tasks/",
      .model = "core.task",
      .create = rest::Create::kNone,
      .change = rest::Change::kNone,
      .remove = rest::Change::kNone,
      .fields =
          {
              rest::choice("state", {"waiting", "skipped", "running", "completed", "failed",
                                     "canceled", "canceling"})
                  .filters(kStateFilters),
              rest::text("name").filters(kTaskNameFilters),
              rest::text("logging_cid").filters(kCidFilters),
              rest::text("created_by"),
              rest::text("unblocked_at"),
              rest::text("started_at"),
              rest::text("finished_at"),
              rest::text("error"),
              rest::nothing("worker"),
              rest::nothing("parent_task"),
              rest::text("child_tasks"),
              rest::nothing("task_group"),
              rest::text("progress_reports"),
              rest::text("created_resources"),
              rest::text("created_resource_prns"),
              rest::text("reserved_resources_record"),
              rest::computed("result", result),
              rest::always("pulp_api_version", "v3"),
          },
      .filters = {time_filter("pulp_created"), time_filter("started_at"),
                  time_filter("finished_at"), time_filter("unblocked_at"),
                  empty_relation("parent_task"), empty_relation("child_tasks"),
                  empty_relation("task_group"), worker_filter(), created_filter(),
                  lock_filter("reserved_resources", Lock::kAny),
                  lock_filter("exclusive_resources", Lock::kExclusive),
                  lock_filter("shared_resources", Lock::kShared)},
      .has_options = false,
      .minimal_fields = {"pulp_href", "prn", "pulp_created", "pulp_last_updated",
                         "pulp_api_version", "name", "state", "unblocked_at", "started_at",
                         "finished_at", "worker"},
      .rows = all_tasks,
      .row = find_task,
  };
}

rest::Resource task_group() {
  return {
      .name = "TaskGroup",
      .kind = "task_group",
      .path = "task-groups/",
      .model = "core.taskgroup",
      .create = rest::Create::kNone,
      .change = rest::Change::kNone,
      .remove = rest::Change::kNone,
      .fields = {rest::text("description")},
      .ignores_unknown_filters = true,
      .rows = [](db::Connection&) { return std::vector<Row>(); },
      .row = [](db::Connection&, std::string_view) { return std::optional<Row>(); },
  };
}

std::vector<rest::View> task_views(db::Database& database, const db::SecretBox& secrets,
                                   const rest::Options& options) {
  // Every task is final when it is written, so there is nothing left to cancel: 409 and the task.
  auto cancel = [&database, &secrets, options](const rest::Call& call) {
    auto work = [&secrets, options, id = call.id,
                 body = rest::parse_body(call.request)](db::Connection& sql) {
      const auto found = find_task(sql, id);
      const auto description = task(secrets, options.mask_secrets);
      if (!found) return reply_of(404, Json{{"detail", "No Task matches the given query."}});
      if (body.status != 0) return reply_of(body.status, Json{{"detail", body.detail}});
      if (auto errors = cancel_errors(body); !errors.empty()) return reply_of(400, errors);
      const std::vector<rest::Resource> resources;
      const rest::Rendering rendering{
          .resources = resources, .root = options.root, .mask_secrets = options.mask_secrets};
      return reply_of(409, rest::render(rendering, description, *found));
    };
    return database.read(std::move(work));
  };
  auto remove = [&database](const rest::Call& call) {
    auto work = [id = call.id](db::Connection& sql) {
      if (sql.run("DELETE FROM pulp_tasks WHERE id = ?1", id) > 0) {
        return rest::Reply{.status = 204};
      }
      return reply_of(404, Json{{"detail", "No Task matches the given query."}});
    };
    return database.write(std::move(work));
  };
  return {{.path = "tasks/{id}/",
           .methods = {"PATCH"},
           .handle = cancel,
           .operations = {"tasks_cancel"}},
          {.path = "tasks/{id}/",
           .methods = {"DELETE"},
           .handle = remove,
           .operations = {"tasks_delete"},
           .status = 204}};
}

std::string record_task(db::Connection& sql, const db::SecretBox& secrets, rest::Stamps& stamps,
                        const std::string& root, const rest::FinishedTask& task) {
  const auto stamp = stamps.next();
  std::optional<std::string> result;
  if (!task.result.empty()) result = secrets.seal(task.result, place_of(stamp.id));
  std::optional<std::string> author;
  if (!task.created_by.empty()) author = task.created_by;
  std::optional<std::string> error;
  if (!task.error.empty()) error = task.error;
  sql.run(
      "INSERT INTO pulp_tasks (id, name, state, created, updated, finished, logging_cid, "
      "created_by, created_resources, created_prns, locks, result, error, reports) "
      "VALUES (?1, ?2, ?3, ?4, ?4, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
      stamp.id, task.name, task.state, stamp.micros, task.correlation_id, author,
      texts(task.created_resources).dump(), texts(task.created_prns).dump(),
      texts(task.locks).dump(), result, error, task.reports.empty() ? "[]" : task.reports);
  return root + "tasks/" + stamp.id + "/";
}

}  // namespace hubcache::pulp
