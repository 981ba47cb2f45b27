#include "hubcache/db/connection.h"

#include <algorithm>
#include <list>
#include <string>
#include <unordered_map>
#include <utility>

#include <SQLiteCpp/Database.h>
#include <SQLiteCpp/Statement.h>

#include "sqlite_error.h"

namespace hubcache::db {

// More than all that are literals; the others are made of what clients ask for.
constexpr std::size_t kMostTexts = 512;

struct detail::Prepared {
  Prepared(const SQLite::Database& database, const std::string& sql) : statement(database, sql) {}
  SQLite::Statement statement;
  bool lent = false;
};

struct detail::ConnectionState {
  ConnectionState(const std::filesystem::path& file, int flags, int busy_timeout_ms)
      : database(file.string(), flags, busy_timeout_ms) {}

  SQLite::Database database;
  // A list, for a function may use one statement while it steps through another of the same text.
  std::unordered_map<std::string, std::list<Prepared>> prepared;
};

Statement::Statement(Statement&& other) noexcept
    : connection_(other.connection_), prepared_(std::exchange(other.prepared_, nullptr)) {}

Statement::~Statement() {
  if (prepared_ == nullptr) return;
  // A reset repeats the failure of the step before it, which was thrown already.
  prepared_->statement.tryReset();
  prepared_->statement.clearBindings();
  prepared_->lent = false;
}

void Statement::bind_null(int index) {
  guarded([&] { prepared_->statement.bind(index); });
}

void Statement::bind_integer(int index, std::int64_t value) {
  guarded([&] { prepared_->statement.bind(index, value); });
}

void Statement::bind_real(int index, double value) {
  guarded([&] { prepared_->statement.bind(index, value); });
}

void Statement::bind_text(int index, std::string_view value) {
  guarded([&] { prepared_->statement.bind(index, std::string(value)); });
}

void Statement::bind_blob(int index, std::span<const std::byte> value) {
  // A null pointer would bind NULL, not an empty blob.
  const void* bytes = value.empty() ? static_cast<const void*>("") : value.data();
  guarded([&] { prepared_->statement.bind(index, bytes, static_cast<int>(value.size())); });
}

bool Statement::step() {
  return guarded([&] { return prepared_->statement.executeStep(); });
}

std::int64_t Statement::run() {
  while (step()) {
  }
  return connection_->database.getChanges();
}

std::int64_t Statement::integer(int column) const {
  return guarded([&] { return prepared_->statement.getColumn(column).getInt64(); });
}

double Statement::real(int column) const {
  return guarded([&] { return prepared_->statement.getColumn(column).getDouble(); });
}

std::string Statement::text(int column) const {
  return guarded([&] { return prepared_->statement.getColumn(column).getString(); });
}

bool Statement::is_null(int column) const {
  return guarded([&] { return prepared_->statement.getColumn(column).isNull(); });
}

std::optional<std::int64_t> Statement::optional_integer(int column) const {
  if (is_null(column)) return std::nullopt;
  return integer(column);
}

std::optional<std::string> Statement::optional_text(int column) const {
  if (is_null(column)) return std::nullopt;
  return text(column);
}

Connection::Connection(const std::filesystem::path& file, Access access, int busy_timeout_ms) {
  guarded([&] {
    const int flags = SQLite::OPEN_READWRITE | SQLite::OPEN_NOMUTEX |
                      (access == Access::kReadWrite ? SQLite::OPEN_CREATE : 0);
    state_ = std::make_unique<detail::ConnectionState>(file, flags, busy_timeout_ms);
    auto& database = state_->database;
    if (access == Access::kReadWrite) {
      database.exec("PRAGMA journal_mode=WAL");
      database.exec("PRAGMA synchronous=NORMAL");
      database.exec("PRAGMA secure_delete=ON");
      // What a long transaction has made of the log is cut back when the log begins anew.
      database.exec("PRAGMA journal_size_limit=16777216");
    } else {
      database.exec("PRAGMA query_only=ON");
    }
    database.exec("PRAGMA foreign_keys=ON; PRAGMA temp_store=MEMORY; PRAGMA cache_size=-8192");
  });
}

Connection::~Connection() = default;

Statement Connection::prepare(std::string_view sql) {
  return guarded([&] {
    if (state_->prepared.size() >= kMostTexts && !state_->prepared.contains(std::string(sql))) {
      std::erase_if(state_->prepared, [](const auto& same_text) {
        return std::ranges::none_of(same_text.second, &detail::Prepared::lent);
      });
    }
    auto& same_text = state_->prepared[std::string(sql)];
    for (auto& prepared : same_text) {
      if (!prepared.lent) {
        prepared.lent = true;
        return Statement(*state_, &prepared);
      }
    }
    auto& fresh = same_text.emplace_back(state_->database, std::string(sql));
    fresh.lent = true;
    return Statement(*state_, &fresh);
  });
}

void Connection::script(std::string_view sql) {
  guarded([&] { state_->database.exec(std::string(sql)); });
}

std::int64_t Connection::last_insert_id() const { return state_->database.getLastInsertRowid(); }

Transaction::Transaction(Connection& connection, Kind kind) : connection_(connection) {
  connection_.run(kind == Kind::kImmediate ? "BEGIN IMMEDIATE" : "BEGIN DEFERRED");
}

Transaction::~Transaction() {
  if (!open_) return;
  try {
    connection_.run("ROLLBACK");
  } catch (const std::exception&) {  // SQLite has rolled back by itself already
  }
}

void Transaction::commit() {
  connection_.run("COMMIT");
  open_ = false;
}

}  // namespace hubcache::db
