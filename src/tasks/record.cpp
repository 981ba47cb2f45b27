#include "hubcache/tasks/record.h"

#include <algorithm>
#include <array>
#include <utility>

#include <nlohmann/json.hpp>

#include "hubcache/base/error.h"

namespace hubcache::tasks {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::array kMigrations{db::Migration{.number = 500, .name = "tasks", .sql = R"(
CREATE TABLE tasks (
  id TEXT PRIMARY KEY,
  name TEXT NOT NULL,
  state TEXT NOT NULL,
  created INTEGER NOT NULL,
  updated INTEGER NOT NULL,
  started INTEGER,
  finished INTEGER,
  starts INTEGER NOT NULL,
  correlation_id TEXT NOT NULL,
  created_by TEXT NOT NULL,
  created_resources TEXT NOT NULL,
  created_prns TEXT NOT NULL,
  locks TEXT NOT NULL,
  arguments TEXT NOT NULL,
  reports TEXT NOT NULL,
  error TEXT NOT NULL,
  result TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX unfinished_tasks ON tasks (id) WHERE finished IS NULL;
)"}};

constexpr std::array<std::pair<State, std::string_view>, 6> kNames{{
    {State::kWaiting, "waiting"},
    {State::kRunning, "running"},
    {State::kCompleted, "completed"},
    {State::kFailed, "failed"},
    {State::kCanceling, "canceling"},
    {State::kCanceled, "canceled"},
}};

std::string select(std::string_view which) {
  std::string text =
      "SELECT id, name, state, created, updated, started, finished, starts, correlation_id, "
      "created_by, created_resources, created_prns, locks, arguments, reports, error, result "
      "FROM tasks ";
  return text += which;
}

std::string text_of(const std::vector<std::string>& list) { return Json(list).dump(); }

std::vector<std::string> list_in(const std::string& text) {
  return Json::parse(text).get<std::vector<std::string>>();
}

std::string text_of(const std::vector<Report>& reports) {
  Json list = Json::array();
  for (const auto& report : reports) {
    list.push_back({{"code", report.code},
                    {"message", report.message},
                    {"state", name_of(report.state)},
                    {"total", report.total ? Json(*report.total) : Json()},
                    {"done", report.done}});
  }
  return list.dump();
}

std::vector<Report> reports_in(const std::string& text) {
  std::vector<Report> reports;
  for (const auto& item : Json::parse(text)) {
    Report report{.code = item.at("code"),
                  .message = item.at("message"),
                  .state = state_named(item.at("state").get<std::string>())};
    if (item.at("total").is_number()) report.total = item.at("total").get<std::int64_t>();
    report.done = item.at("done");
    reports.push_back(std::move(report));
  }
  return reports;
}

Record record_of(const db::Statement& row) {
  return {.id = row.text(0),
          .name = row.text(1),
          .state = state_named(row.text(2)),
          .created = row.integer(3),
          .updated = row.integer(4),
          .started = row.optional_integer(5),
          .finished = row.optional_integer(6),
          .starts = row.integer(7),
          .correlation_id = row.text(8),
          .created_by = row.text(9),
          .created_resources = list_in(row.text(10)),
          .created_prns = list_in(row.text(11)),
          .locks = list_in(row.text(12)),
          .arguments = row.text(13),
          .reports = reports_in(row.text(14)),
          .error = row.text(15),
          .result = row.text(16)};
}

std::vector<Record> records_of(db::Statement rows) {
  std::vector<Record> records;
  while (rows.step()) records.push_back(record_of(rows));
  return records;
}

}  // namespace

std::span<const db::Migration> migrations() { return kMigrations; }

std::string_view name_of(State state) {
  return std::ranges::find(kNames, state, &std::pair<State, std::string_view>::first)->second;
}

State state_named(std::string_view name) {
  const auto* found = std::ranges::find(kNames, name, &std::pair<State, std::string_view>::second);
  if (found != kNames.end()) return found->first;
  throw Error(Error::Kind::kCorrupt, "no state of tasks is called so", std::string(name));
}

bool is_final(State state) {
  return state == State::kCompleted || state == State::kFailed || state == State::kCanceled;
}

void insert(db::Connection& sql, const Record& record) {
  sql.run(
      "INSERT INTO tasks (id, name, state, created, updated, started, finished, starts, "
      "correlation_id, created_by, created_resources, created_prns, locks, arguments, reports, "
      "error, result) VALUES "
      "(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)",
      record.id, record.name, name_of(record.state), record.created, record.updated, record.started,
      record.finished, record.starts, record.correlation_id, record.created_by,
      text_of(record.created_resources), text_of(record.created_prns), text_of(record.locks),
      record.arguments, text_of(record.reports), record.error, record.result);
}

std::optional<Record> find(db::Connection& sql, std::string_view id) {
  auto row = sql.query(select("WHERE id = ?1"), id);
  if (!row.step()) return std::nullopt;
  return record_of(row);
}

std::vector<Record> all(db::Connection& sql) {
  return records_of(sql.query(select("ORDER BY id")));
}

std::vector<Record> unfinished(db::Connection& sql) {
  return records_of(sql.query(select("WHERE finished IS NULL ORDER BY id")));
}

void update(db::Connection& sql, const Record& record) {
  sql.run(
      "UPDATE tasks SET state = ?2, updated = ?3, started = ?4, finished = ?5, starts = ?6, "
      "reports = ?7, error = ?8 WHERE id = ?1",
      record.id, name_of(record.state), record.updated, record.started, record.finished,
      record.starts, text_of(record.reports), record.error);
}

void update_reports(db::Connection& sql, std::string_view id, const std::vector<Report>& reports,
                    std::int64_t now) {
  sql.run("UPDATE tasks SET reports = ?2, updated = ?3 WHERE id = ?1 AND finished IS NULL", id,
          text_of(reports), now);
}

bool remove(db::Connection& sql, std::string_view id) {
  return sql.run("DELETE FROM tasks WHERE id = ?1 AND finished IS NOT NULL", id) > 0;
}

std::int64_t purge(db::Connection& sql, State state, std::int64_t before) {
  return sql.run("DELETE FROM tasks WHERE finished < ?1 AND state = ?2", before, name_of(state));
}

}  // namespace hubcache::tasks
