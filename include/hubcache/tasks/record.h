#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "hubcache/db/connection.h"
#include "hubcache/db/migration.h"

namespace hubcache::tasks {

/// The table of tasks.
std::span<const db::Migration> migrations();

enum class State : std::uint8_t { kWaiting, kRunning, kCompleted, kFailed, kCanceling, kCanceled };

/// As Pulp spells it, "waiting".
std::string_view name_of(State state);
/// Throws kCorrupt for a name that none has.
State state_named(std::string_view name);
/// Nothing will change it any more.
bool is_final(State state);

/// How far one part of a task has come.
struct Report {
  std::string code;     // for programs: "repair.missing"
  std::string message;  // for people: "Identify missing units"
  State state = State::kRunning;
  std::optional<std::int64_t> total = std::nullopt;  // nullopt: not known
  std::int64_t done = 0;
};

/// A piece of work as it is recorded. Times are microseconds since 1970.
struct Record {
  std::string id;    // a UUID, version 7: tasks run in the order of their ids
  std::string name;  // "pulpcore.app.tasks.orphan.orphan_cleanup"
  State state = State::kWaiting;
  std::int64_t created = 0;
  std::int64_t updated = 0;
  std::optional<std::int64_t> started = std::nullopt;
  std::optional<std::int64_t> finished = std::nullopt;
  std::int64_t starts = 0;  // that did not end in order: above 1 after a crash
  std::string correlation_id = {};
  std::string created_by = {};                      // href of the account; empty: the server itself
  std::vector<std::string> created_resources = {};  // hrefs
  std::vector<std::string> created_prns = {};
  /// What it holds while it runs; "shared:" before what others may hold with it.
  std::vector<std::string> locks = {};
  std::string arguments = "{}";  // JSON text, for the work; nothing secret
  std::vector<Report> reports = {};
  std::string error = {};   // JSON text; empty: none
  std::string result = {};  // sealed JSON text; empty: none
};

// In a transaction of the caller's.
void insert(db::Connection& sql, const Record& record);
std::optional<Record> find(db::Connection& sql, std::string_view id);
/// All tasks, or those that are not final, in the order of their ids.
std::vector<Record> all(db::Connection& sql);
std::vector<Record> unfinished(db::Connection& sql);
/// Keeps state, times, starts, reports and error of the record.
void update(db::Connection& sql, const Record& record);
/// Keeps its reports alone, unless it is final.
void update_reports(db::Connection& sql, std::string_view id, const std::vector<Report>& reports,
                    std::int64_t now);
/// Removes a final task; false when it is not there or not final.
bool remove(db::Connection& sql, std::string_view id);
/// Removes the tasks in that final state that ended before the time; says how many.
std::int64_t purge(db::Connection& sql, State state, std::int64_t before);

}  // namespace hubcache::tasks
