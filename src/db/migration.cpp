#include "hubcache/db/migration.h"

#include <algorithm>
#include <string>
#include <vector>

#include "hubcache/base/error.h"

namespace hubcache::db {
namespace {

constexpr int kApplicationId = 0x68756263;  // "hubc"

std::int64_t pragma(Connection& connection, std::string_view name) {
  auto query = connection.query("PRAGMA " + std::string(name));
  return query.step() ? query.integer(0) : 0;
}

std::vector<std::int64_t> applied_numbers(Connection& connection) {
  std::vector<std::int64_t> numbers;
  auto query = connection.query("SELECT number FROM migrations ORDER BY number");
  while (query.step()) numbers.push_back(query.integer(0));
  return numbers;
}

bool is_empty(Connection& connection) {
  auto query = connection.query("SELECT 1 FROM sqlite_schema LIMIT 1");
  return !query.step();
}

void claim(Connection& connection) {
  const auto owner = pragma(connection, "application_id");
  if (owner == kApplicationId) return;
  if (owner != 0 || !is_empty(connection)) {
    throw Error(Error::Kind::kConflict, "the database file is not one of hubcache's");
  }
  Transaction transaction(connection, Transaction::Kind::kImmediate);
  connection.script("PRAGMA application_id=" + std::to_string(kApplicationId));
  connection.script(
      "CREATE TABLE migrations (number INTEGER PRIMARY KEY, name TEXT NOT NULL, "
      "applied INTEGER NOT NULL) STRICT");
  transaction.commit();
}

void apply(Connection& connection, const Migration& migration) {
  Transaction transaction(connection, Transaction::Kind::kImmediate);
  connection.script(migration.sql);
  connection.run("INSERT INTO migrations VALUES (?1, ?2, unixepoch())", migration.number,
                 migration.name);
  connection.script("PRAGMA user_version=" +
                    std::to_string(pragma(connection, "user_version") + 1));
  transaction.commit();
}

}  // namespace

void migrate(Connection& connection, std::span<const Migration> migrations) {
  std::vector<Migration> ordered(migrations.begin(), migrations.end());
  std::ranges::sort(ordered, {}, &Migration::number);
  const auto twice = std::ranges::adjacent_find(ordered, {}, &Migration::number);
  if (twice != ordered.end()) {
    throw Error(Error::Kind::kInternal, "two migrations have one number",
                std::to_string(twice->number));
  }

  claim(connection);
  const auto applied = applied_numbers(connection);
  for (const auto number : applied) {
    if (!std::ranges::binary_search(ordered, number, {}, &Migration::number)) {
      throw Error(Error::Kind::kConflict,
                  "the database was written by a newer version of hubcache (it has format step " +
                      std::to_string(number) +
                      "): start that version, or use another data directory");
    }
  }
  for (const auto& migration : ordered) {
    if (!std::ranges::binary_search(applied, migration.number)) apply(connection, migration);
  }
}

}  // namespace hubcache::db
