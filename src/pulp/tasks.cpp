#include <algorithm>
#include <utility>

#include <nlohmann/json.hpp>

#include "hubcache/pulp/pulp.h"
#include "hubcache/rest/parsing.h"
#include "hubcache/rest/rendering.h"
#include "hubcache/rest/row.h"
#include "hubcache/rest/validation.h"
#include "hubcache/tasks/queue.h"

#include "resources.h"

namespace hubcache::pulp {
namespace {

using rest::Filter;
using rest::Json;
using rest::Row;

constexpr db::Migration kMigrations[] = {
    {.number = 600, .name = "pulp: tasks", .sql = R"(
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
)"},
    // Results stay behind: they are sealed for that table.
    {.number = 602, .name = "pulp: tasks of its own", .sql = R"(
INSERT INTO tasks (id, name, state, created, updated, started, finished, starts, correlation_id,
                   created_by, created_resources, created_prns, locks, arguments, reports, error,
                   result)
  SELECT id, name, state, created, updated, created, finished, 0, logging_cid,
         coalesce(created_by, ''), created_resources, created_prns, locks, '{}', reports,
         coalesce(error, ''), '' FROM pulp_tasks;
DROP TABLE pulp_tasks;
)"},
    // They go with what they are about, whoever removes that.
    {.number = 603, .name = "pulp: labels of contents", .sql = R"(
CREATE TABLE content_labels (entry TEXT PRIMARY KEY, labels TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TRIGGER content_labels_go AFTER DELETE ON entries BEGIN
  DELETE FROM content_labels WHERE entry = OLD.key;
END;
)"}};

constexpr std::string_view kStateFilters[] = {"", "in", "ne"};
constexpr std::string_view kTaskNameFilters[] = {"", "contains", "in", "ne"};
constexpr std::string_view kCidFilters[] = {"", "contains"};

constexpr const char* kSealedResult = "$result";

Json time_or_null(const std::optional<std::int64_t>& micros) {
  return micros ? Json(rest::iso_time(*micros)) : Json();
}

Json reports_of(const tasks::Record& record) {
  Json list = Json::array();
  for (const auto& report : record.reports) {
    list.push_back(Json{{"message", report.message},
                        {"code", report.code},
                        {"state", tasks::name_of(report.state)},
                        {"total", report.total ? Json(*report.total) : Json()},
                        {"done", report.done},
                        {"suffix", nullptr}});
  }
  return list;
}

Row row_of(const tasks::Record& record) {
  Row row{.id = record.id,
          .kind = {},
          .type = {},
          .name = record.name,
          .created = record.created,
          .updated = record.updated};
  row.doc = Json{{"state", tasks::name_of(record.state)},
                 {"name", record.name},
                 {"logging_cid", record.correlation_id},
                 {"unblocked_at", time_or_null(record.started)},
                 {"started_at", time_or_null(record.started)},
                 {"finished_at", time_or_null(record.finished)},
                 {"child_tasks", Json::array()},
                 {"error", record.error.empty() ? Json() : Json::parse(record.error)},
                 {"progress_reports", reports_of(record)},
                 {"created_resources", record.created_resources},
                 {"created_resource_prns", record.created_prns},
                 {"reserved_resources_record", record.locks}};
  if (!record.created_by.empty()) row.doc["created_by"] = record.created_by;
  if (!record.result.empty()) row.doc[kSealedResult] = record.result;
  return row;
}

std::vector<Row> all_tasks(db::Connection& sql) {
  std::vector<Row> rows;
  for (const auto& record : tasks::all(sql)) rows.push_back(row_of(record));
  return rows;
}

std::optional<Row> find_task(db::Connection& sql, std::string_view id) {
  const auto record = tasks::find(sql, id);
  if (!record) return std::nullopt;
  return row_of(*record);
}

/// The object a task made or changed, secrets in clear or masked.
Json open_result(const db::SecretBox& secrets, bool mask, const Row& row) {
  const auto sealed = row.doc.value(kSealedResult, Json());
  if (!sealed.is_string()) return {};
  auto result = Json::parse(secrets.open(sealed.get<std::string>(), place_of_result(row.id)));
  const auto token = result.value("hf_token", Json());
  if (mask && token.is_string() && !token.get<std::string>().starts_with("hf_...")) {
    result["hf_token"] = rest::masked(token.get<std::string>());
  }
  return result;
}

/// The id at the end of an href or PRN.
std::string id_at_end_of(std::string_view text) {
  while (text.ends_with('/')) text.remove_suffix(1);
  return std::string(text.substr(text.find_last_of("/:") + 1));
}

Json list_schema(Json item) { return {{"type", "array"}, {"items", std::move(item)}}; }
Json text_schema() { return {{"type", "string"}}; }
Json object_schema() { return {{"type", Json::array({"object", "null"})}}; }
Json report_schema() {
  const Json text_or_null{{"type", Json::array({"string", "null"})}};
  return {{"type", "object"},
          {"properties",
           {{"message", text_schema()},
            {"code", text_schema()},
            {"state", text_schema()},
            {"total", {{"type", Json::array({"integer", "null"})}}},
            {"done", {{"type", "integer"}}},
            {"suffix", text_or_null}}}};
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
  return {
      .name = name, .lookups = rest::kExactIn, .kind = Filter::Kind::kCustom, .matches = matches};
}

Filter time_filter(const char* name) {
  return {.name = name, .lookups = rest::kTimeFilters, .kind = Filter::Kind::kTime};
}

/// A relation no task here has.
Filter empty_relation(const char* name, const char* target) {
  return {.name = name, .lookups = rest::kExact, .kind = Filter::Kind::kHref, .target = target};
}

Filter created_filter() {
  auto matches = [](const Row& row, std::string_view, const std::string& value) {
    const auto id = id_at_end_of(value);
    const auto& created = row.doc.at("created_resources");
    return std::ranges::any_of(
        created, [&](const Json& href) { return id_at_end_of(href.get<std::string>()) == id; });
  };
  return {.name = "created_resources",
          .lookups = rest::kExact,
          .kind = Filter::Kind::kCustom,
          .matches = matches,
          .uri = Filter::Uri::kObject,
          .empty_error = "URI not valid: "};
}

Filter worker_filter() {
  return {.name = "worker",
          .lookups = rest::kExact,
          .kind = Filter::Kind::kCustom,
          .matches = [](const Row&, std::string_view, const std::string&) { return false; }};
}

rest::Reply reply_of(int status, const Json& body) {
  return {.status = status, .body = rest::to_text(body)};
}

/// What is wrong with the body of a cancel, by field.
Json cancel_errors(const rest::Parsed& body) {
  const auto& values = body.input.values;
  if (!values.is_object()) return rest::no_object_errors(values);
  Json errors = Json::object();
  if (!values.contains("state")) {
    errors["state"] = rest::error_list("This field is required.");
  } else if (values.at("state").is_null()) {
    errors["state"] = rest::error_list("This field may not be null.");
  } else if (values.at("state") != "canceled") {
    errors["state"] = rest::error_list("The only acceptable value for 'state' is 'canceled'.");
  }
  return errors;
}

rest::Reply no_such_task() {
  return reply_of(404, Json{{"detail", "No Task matches the given query."}});
}

/// 200 and the task, canceled or about to be; 409 and the task when it was over.
Task<rest::Reply> cancel_task(Services services, rest::Options options, std::string id,
                              rest::Parsed body) {
  if (body.status != 0) co_return reply_of(body.status, Json{{"detail", body.detail}});
  if (auto errors = cancel_errors(body); !errors.empty()) co_return reply_of(400, errors);
  const auto canceled = co_await services.tasks.cancel(id);
  if (!canceled) co_return no_such_task();
  const std::vector<rest::Resource> resources;
  const rest::Rendering rendering{
      .resources = resources, .root = options.root, .mask_secrets = options.mask_secrets};
  const auto description = task(services.secrets, options.mask_secrets);
  co_return reply_of(canceled->was_final ? 409 : 200,
                     rest::render(rendering, description, row_of(canceled->record)));
}

}  // namespace

std::span<const db::Migration> migrations() { return kMigrations; }

db::SecretBox::Place place_of_result(std::string_view id) {
  return {.table = "tasks", .row = id, .field = "result"};
}

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
              rest::text("created_by").nullable(),
              rest::time("unblocked_at").nullable(),
              rest::time("started_at").nullable(),
              rest::time("finished_at").nullable(),
              rest::text("error").shown_as(object_schema()),
              rest::nothing("worker"),
              rest::nothing("parent_task"),
              rest::texts("child_tasks"),
              rest::nothing("task_group"),
              rest::text("progress_reports").shown_as(list_schema(report_schema())),
              rest::texts("created_resources"),
              rest::texts("created_resource_prns"),
              rest::texts("reserved_resources_record"),
              rest::computed("result", result).shown_as(object_schema()),
              rest::always("pulp_api_version", "v3"),
          },
      .filters = {time_filter("pulp_created"), time_filter("started_at"),
                  time_filter("finished_at"), time_filter("unblocked_at"),
                  empty_relation("parent_task", "task"), empty_relation("child_tasks", "task"),
                  empty_relation("task_group", "task_group"), worker_filter(), created_filter(),
                  lock_filter("reserved_resources", Lock::kAny),
                  lock_filter("exclusive_resources", Lock::kExclusive),
                  lock_filter("shared_resources", Lock::kShared)},
      .no_orders = {"created_by", "child_tasks", "progress_reports", "created_resources",
                    "created_resource_prns"},
      .more_orders = {"result", "versions"},
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
      .has_options = false,
      .rows = [](db::Connection&) { return std::vector<Row>(); },
      .row = [](db::Connection&, std::string_view) { return std::optional<Row>(); },
  };
}

std::vector<rest::View> task_views(const Services& services, const rest::Options& options) {
  auto cancel = [services, options](const rest::Call& call) {
    return cancel_task(services, options, call.id, rest::parse_body(call.request));
  };
  auto remove = [&database = services.database](const rest::Call& call) {
    auto work = [id = call.id](db::Connection& sql) {
      if (tasks::remove(sql, id)) return rest::Reply{.status = 204};
      if (tasks::find(sql, id)) return rest::Reply{.status = 409};
      return no_such_task();
    };
    return database.write(std::move(work));
  };
  auto cancel_group = [](const rest::Call& call) -> Task<rest::Reply> {
    const auto body = rest::parse_body(call.request);
    if (body.status != 0) co_return reply_of(body.status, Json{{"detail", body.detail}});
    if (auto errors = cancel_errors(body); !errors.empty()) co_return reply_of(400, errors);
    co_return reply_of(404, Json{{"detail", "No TaskGroup matches the given query."}});
  };
  const auto wanted = rest::choice("state", {"canceled"}).required();
  return {{.path = "task-groups/{id}/",
           .methods = {"PATCH"},
           .handle = cancel_group,
           .operations = {"task_groups_cancel"},
           .fields = {wanted},
           .schema_name = "TaskGroupResponse"},
          {.path = "tasks/{id}/",
           .methods = {"PATCH"},
           .handle = cancel,
           .operations = {"tasks_cancel"},
           .fields = {wanted},
           .schema_name = "TaskResponse"},
          {.path = "tasks/{id}/",
           .methods = {"DELETE"},
           .handle = remove,
           .operations = {"tasks_delete"},
           .status = 204}};
}

tasks::Record new_task(Stamps& stamps, std::string name) {
  auto stamp = stamps.next();
  return {.id = std::move(stamp.id),
          .name = std::move(name),
          .created = stamp.micros,
          .updated = stamp.micros};
}

void finish(tasks::Record& task, tasks::State state) {
  task.state = state;
  task.started = task.finished = task.updated;
}

std::string href_of(const std::string& root, const tasks::Record& task) {
  return root + "tasks/" + task.id + "/";
}

std::string record_task(db::Connection& sql, const db::SecretBox& secrets, Stamps& stamps,
                        const std::string& root, const rest::FinishedTask& finished) {
  auto task = new_task(stamps, finished.name);
  task.correlation_id = finished.correlation_id;
  task.created_by = finished.created_by;
  task.created_resources = finished.created_resources;
  task.created_prns = finished.created_prns;
  task.locks = finished.locks;
  if (!finished.result.empty())
    task.result = secrets.seal(finished.result, place_of_result(task.id));
  finish(task, tasks::State::kCompleted);
  tasks::insert(sql, task);
  return href_of(root, task);
}

}  // namespace hubcache::pulp
