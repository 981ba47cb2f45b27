#include "hubcache/db/connection.h"

namespace hubcache::db {

Query::~Query() {
  // A reset repeats the error of the step before it: that one was thrown already.
  statement_.tryReset();
  statement_.clearBindings();
}

Query& Query::bind(std::int64_t value) {
  statement_.bind(++bound_, value);
  return *this;
}

Query& Query::bind(std::string_view value) {
  statement_.bind(++bound_, std::string(value));
  return *this;
}

Query& Query::bind(const std::optional<std::string>& value) {
  return value ? bind(std::string_view(*value)) : bind_null();
}

Query& Query::bind_blob(std::string_view value) {
  statement_.bind(++bound_, value.data(), static_cast<int>(value.size()));
  return *this;
}

Query& Query::bind_null() {
  statement_.bind(++bound_);
  return *this;
}

bool Query::next() { return statement_.executeStep(); }

int Query::run() {
  while (statement_.executeStep()) {
  }
  return statement_.getChanges();
}

std::int64_t Query::integer(int column) const { return statement_.getColumn(column).getInt64(); }

std::string Query::text(int column) const { return statement_.getColumn(column).getString(); }

std::optional<std::string> Query::maybe(int column) const {
  const auto value = statement_.getColumn(column);
  if (value.isNull()) return std::nullopt;
  return value.getString();
}

Connection::Connection(const std::string& path, int flags) : database_(path, flags, 10'000) {}

Query Connection::query(const char* sql) {
  auto& statement = statements_[sql];
  if (!statement) statement = std::make_unique<SQLite::Statement>(database_, sql);
  return Query(*statement);
}

void Connection::execute(const std::string& sql) { database_.exec(sql); }

}  // namespace hubcache::db
