#pragma once

#include <string>

#include <gtest/gtest.h>

#include "hubcache/db/database.h"

#include "support/run.h"

namespace hubcache::db {

inline constexpr Migration kNotes{.number = 1,
                                  .name = "test: notes",
                                  .sql =
                                      "CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT "
                                      "NOT NULL UNIQUE, extra BLOB) STRICT"};

class DatabaseTest : public ::testing::Test {
 protected:
  std::unique_ptr<Database> open(std::vector<Migration> migrations = {kNotes}) {
    return std::make_unique<Database>(Database::Options{.file = dir / "test.db"}, migrations, log);
  }
  static std::int64_t count(Connection& sql) {
    auto query = sql.query("SELECT count(*) FROM notes");
    query.step();
    return query.integer(0);
  }
  static auto insert(std::string text) {
    return [text = std::move(text)](Connection& sql) {
      sql.run("INSERT INTO notes (text) VALUES (?1)", text);
    };
  }

  test::TempDir dir;
  obs::Log log{obs::Options{.level = obs::Level::kOff}};
  test::Runner runner;
};

}  // namespace hubcache::db
