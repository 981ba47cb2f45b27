#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <SQLiteCpp/Database.h>
#include <SQLiteCpp/Statement.h>

namespace hubcache::db {

/// A cached statement in use: bound, stepped, and reset when it goes out of scope.
class Query {
 public:
  explicit Query(SQLite::Statement& statement) : statement_(statement) {}
  ~Query();
  Query(const Query&) = delete;
  Query& operator=(const Query&) = delete;

  /// Binds the next `?`.
  Query& bind(std::int64_t value);
  Query& bind(std::string_view value);
  Query& bind(const std::optional<std::string>& value);
  Query& bind_blob(std::string_view value);
  Query& bind_null();

  /// True while there is a row.
  bool next();
  /// Runs to the end and returns how many rows changed.
  int run();

  std::int64_t integer(int column) const;
  std::string text(int column) const;  // NULL is ""
  std::optional<std::string> maybe(int column) const;

 private:
  SQLite::Statement& statement_;
  int bound_ = 0;
};

/// One connection to the database, with its prepared statements. Used by one thread at a time.
class Connection {
 public:
  Connection(const std::string& path, int flags);
  /// The statement for this text, prepared once. `sql` must be a literal.
  Query query(const char* sql);
  void execute(const std::string& sql);
  SQLite::Database& raw() { return database_; }

 private:
  SQLite::Database database_;
  std::map<const char*, std::unique_ptr<SQLite::Statement>> statements_;
};

}  // namespace hubcache::db
