#include "hubcache/db/database.h"

#include <algorithm>
#include <mutex>

#include <SQLiteCpp/Exception.h>
#include <sqlite3.h>

#include "hubcache/base/error.h"

namespace hubcache::db {
namespace {

constexpr int kApplicationId = 0x68756263;  // "hubc"
constexpr std::size_t kReaders = 2;

constexpr const char* kPragmas =
    "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA secure_delete=ON;"
    "PRAGMA foreign_keys=ON; PRAGMA temp_store=MEMORY; PRAGMA cache_size=-8192;";

std::int64_t pragma(Connection& connection, const std::string& name) {
  return connection.raw().execAndGet("PRAGMA " + name).getInt64();
}

}  // namespace

/// Connections for the reader threads, one for each; taken under a lock because a pool does not say
/// which of its threads runs a piece of work.
struct Database::Readers {
  std::mutex mutex;
  std::vector<std::unique_ptr<Connection>> free;
};

Database::Database(const std::string& path, std::vector<Migration> migrations, obs::Log& log)
    : log_(log),
      read_connections_(std::make_unique<Readers>()),
      writer_("database writer", 1),
      readers_("database readers", kReaders) {
  try {
    write_connection_ =
        std::make_unique<Connection>(path, SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE);
    write_connection_->execute(kPragmas);
    migrate(std::move(migrations));
    for (std::size_t i = 0; i < kReaders; ++i) {
      auto reader = std::make_unique<Connection>(path, SQLite::OPEN_READWRITE);
      reader->execute("PRAGMA query_only=ON; PRAGMA cache_size=-8192;");
      read_connections_->free.push_back(std::move(reader));
    }
  } catch (const SQLite::Exception&) {
    rethrow_as_error();
  }
}

Database::~Database() {
  readers_.join();
  writer_.join();
}

void Database::migrate(std::vector<Migration> migrations) {
  std::ranges::sort(migrations, {}, &Migration::number);
  const std::int64_t current = pragma(*write_connection_, "user_version");
  const int newest = migrations.empty() ? 0 : migrations.back().number;
  if (current > newest) {
    throw Error(Error::Kind::kConflict,
                "the database has format " + std::to_string(current) +
                    ", this version of hubcache knows up to " + std::to_string(newest) +
                    ": start the newer version, or use another data directory");
  }
  if (current == 0) {
    write_connection_->execute("PRAGMA application_id=" + std::to_string(kApplicationId));
  }
  for (const auto& migration : migrations) {
    if (migration.number <= current) continue;
    Transaction transaction(*write_connection_);
    write_connection_->execute(std::string(migration.sql));
    write_connection_->execute("PRAGMA user_version=" + std::to_string(migration.number));
    transaction.commit();
  }
}

void Database::write_soon(std::function<void(Connection&)> change) {
  try {
    writer_.enter();
  } catch (const Error& busy) {
    log_.warn("a database change was dropped", {{"why", busy.context()}});
    return;
  }
  auto work = [this, change = std::move(change)]() mutable {
    try {
      in_transaction(change);
    } catch (const Error& error) {
      log_.error("a database change failed", {{"why", error.what()}, {"context", error.context()}});
    }
    writer_.left();
  };
  asio::post(writer_.threads(), std::move(work));
}

std::shared_ptr<Connection> Database::lease_reader() {
  const std::lock_guard lock(read_connections_->mutex);
  auto connection = std::move(read_connections_->free.back());
  read_connections_->free.pop_back();
  auto give_back = [this](Connection* leased) {
    const std::lock_guard again(read_connections_->mutex);
    read_connections_->free.emplace_back(leased);
  };
  return {connection.release(), give_back};
}

Database::Durable::Durable(Connection& c) : connection(c) {
  connection.execute("PRAGMA synchronous=FULL");
}

Database::Durable::~Durable() {
  try {
    connection.execute("PRAGMA synchronous=NORMAL");
  } catch (const SQLite::Exception&) {  // it stays at FULL: slower, and right
  }
}

Database::Transaction::Transaction(Connection& connection) : connection_(connection) {
  connection_.query("BEGIN IMMEDIATE").run();
}

Database::Transaction::~Transaction() {
  if (!open_) return;
  try {
    connection_.query("ROLLBACK").run();
  } catch (const SQLite::Exception&) {  // SQLite has rolled back by itself already
  }
}

void Database::Transaction::commit() {
  connection_.query("COMMIT").run();
  open_ = false;
}

void Database::rethrow_as_error() {
  try {
    throw;
  } catch (const SQLite::Exception& failure) {
    const int code = failure.getErrorCode() & 0xff;
    std::string context = "sqlite: " + std::string(failure.what());
    switch (code) {
      case SQLITE_FULL: throw Error(Error::Kind::kNoSpace, "no space left", std::move(context));
      case SQLITE_CONSTRAINT:
        throw Error(Error::Kind::kConflict, "it exists already", std::move(context));
      case SQLITE_BUSY:
      case SQLITE_LOCKED:
        throw Error(Error::Kind::kUnavailable, "the database is busy", std::move(context));
      default: throw Error(Error::Kind::kIo, "the database failed", std::move(context));
    }
  }
}

}  // namespace hubcache::db
