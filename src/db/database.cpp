#include "hubcache/db/database.h"

#include <algorithm>
#include <mutex>
#include <string>
#include <vector>

#include "hubcache/base/error.h"

namespace hubcache::db {
namespace {

using Change = std::function<void(Connection&)>;

/// What one transaction of queued writes takes at most, so a write() behind them waits briefly.
constexpr std::size_t kBatch = 500;

void apply_alone(Connection& connection, Change& change, obs::Log& log) {
  connection.run("SAVEPOINT soon");
  try {
    change(connection);
  } catch (const std::exception& failure) {
    const Error error = Error::from(failure);
    log.error("a queued database write failed",
              {{"reason", error.what()}, {"context", error.context()}});
    connection.run("ROLLBACK TO soon");
  }
  connection.run("RELEASE soon");
}

}  // namespace

/// Locked, for what is in it comes from every worker and from the pools' threads, which a pool does
/// not tell apart.
struct Database::Queues {
  std::mutex mutex;
  std::vector<std::unique_ptr<Connection>> idle_readers;
  std::vector<Change> soon;
  bool draining = false;
  bool dropped = false;
};

Database::Database(Options options, std::span<const Migration> migrations, obs::Log& log)
    : options_(std::move(options)),
      log_(log),
      queues_(std::make_unique<Queues>()),
      writer_("database writer", 1),
      readers_("database readers", options_.readers) {
  const int busy_ms = static_cast<int>(options_.busy_timeout.count());
  write_connection_ =
      std::make_unique<Connection>(options_.file, Connection::Access::kReadWrite, busy_ms);
  migrate(*write_connection_, migrations);
  for (std::size_t i = 0; i < options_.readers; ++i) {
    queues_->idle_readers.push_back(
        std::make_unique<Connection>(options_.file, Connection::Access::kReadOnly, busy_ms));
  }
}

Database::~Database() {
  readers_.join();
  writer_.join();
}

Database::FullSync::FullSync(Connection& connection) : connection_(connection) {
  connection_.script("PRAGMA synchronous=FULL");
}

Database::FullSync::~FullSync() {
  try {
    connection_.script("PRAGMA synchronous=NORMAL");
  } catch (const std::exception&) {  // every commit is synced from now on: slower, not wrong
  }
}

Database::Lent::Lent(Database& database)
    : database_(database), connection_(database.take_reader()) {}

std::unique_ptr<Connection> Database::take_reader() {
  const std::lock_guard lock(queues_->mutex);
  auto connection = std::move(queues_->idle_readers.back());
  queues_->idle_readers.pop_back();
  return connection;
}

Database::Lent::~Lent() {
  const std::lock_guard lock(database_.queues_->mutex);
  database_.queues_->idle_readers.push_back(std::move(connection_));
}

void Database::enqueue(Change function) {
  {
    const std::lock_guard lock(queues_->mutex);
    if (queues_->soon.size() >= options_.soon_limit) {
      // Said once until the queue has room again.
      if (!std::exchange(queues_->dropped, true)) {
        log_.warn("the queue of database writes is full, some are dropped");
      }
      return;
    }
    queues_->soon.push_back(std::move(function));
    if (std::exchange(queues_->draining, true)) return;
  }
  asio::post(writer_.threads(), [this] { drain(); });
}

void Database::drain() {
  std::vector<Change> batch;
  {
    const std::lock_guard lock(queues_->mutex);
    queues_->draining = false;
    queues_->dropped = false;
    batch.swap(queues_->soon);
  }
  for (std::size_t begin = 0; begin < batch.size(); begin += kBatch) {
    try {
      Transaction transaction(*write_connection_, Transaction::Kind::kImmediate);
      const std::size_t end = std::min(begin + kBatch, batch.size());
      for (std::size_t i = begin; i < end; ++i) apply_alone(*write_connection_, batch[i], log_);
      transaction.commit();
    } catch (const std::exception& failure) {
      const Error error = Error::from(failure);
      log_.error("queued database writes were lost",
                 {{"reason", error.what()}, {"context", error.context()}});
    }
  }
}

}  // namespace hubcache::db
