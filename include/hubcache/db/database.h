#pragma once

#include <chrono>
#include <cstddef>
#include <exception>
#include <filesystem>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <span>
#include <type_traits>
#include <utility>

#include <boost/asio/post.hpp>

#include "hubcache/base/workers.h"
#include "hubcache/db/connection.h"
#include "hubcache/db/migration.h"
#include "hubcache/obs/log.h"

namespace hubcache::db {

/// The SQLite database: one thread writes, two read. Callable from any thread.
///
/// A function given to it runs on one of these threads with a Connection, inside a transaction
/// that is committed when it returns and rolled back when it throws. It must not keep references
/// to what may be gone by then, and must not call the database itself.
class Database {
 public:
  struct Options {
    std::filesystem::path file;
    std::chrono::milliseconds busy_timeout{5'000};
    std::size_t readers = 2;
    std::size_t soon_limit = 20'000;  // write_soon() drops what comes beyond
  };
  /// Opens or creates the file and brings it to the current format. Throws as migrate() does.
  Database(Options options, std::span<const Migration> migrations, obs::Log& log);
  /// Waits for the writes that were accepted.
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  /// Reads one consistent state.
  template <typename F>
  Task<std::invoke_result_t<F&, Connection&>> read(F function) {
    auto work = [this, function = std::move(function)]() mutable { return reading(function); };
    co_return co_await offload(readers_, std::move(work));
  }
  /// Writes in one IMMEDIATE transaction. Survives a crash of the process; a loss of power may
  /// undo the latest ones, in order.
  template <typename F>
  Task<std::invoke_result_t<F&, Connection&>> write(F function) {
    auto work = [this, function = std::move(function)]() mutable { return writing(function); };
    co_return co_await offload(writer_, std::move(work));
  }
  /// As write(), and returns when that, and all that was written before, survives a loss of power.
  template <typename F>
  Task<std::invoke_result_t<F&, Connection&>> write_durable(F function) {
    auto work = [this, function = std::move(function)]() mutable {
      const FullSync full(*write_connection_);
      return writing(function);
    };
    co_return co_await offload(writer_, std::move(work));
  }
  /// Queues a write nobody waits for; a later write() runs after it. Many share a transaction, a
  /// failing one undoes itself alone. Failures, and what a full queue drops, are logged.
  template <typename F>
  void write_soon(F function) {
    auto shared = std::make_shared<F>(std::move(function));
    enqueue([shared = std::move(shared)](Connection& connection) { (*shared)(connection); });
  }

  /// The same for start-up, shut-down and tests: they block the calling thread, so they must not be
  /// called on a worker.
  template <typename F>
  std::invoke_result_t<F&, Connection&> read_now(F function) {
    return block_on(readers_, [&] { return reading(function); });
  }
  template <typename F>
  std::invoke_result_t<F&, Connection&> write_now(F function) {
    return block_on(writer_, [&] { return writing(function); });
  }

  const std::filesystem::path& file() const noexcept { return options_.file; }

 private:
  /// Every commit while it lives is synced to the disk.
  class FullSync {
   public:
    explicit FullSync(Connection& connection);
    ~FullSync();
    FullSync(const FullSync&) = delete;
    FullSync& operator=(const FullSync&) = delete;

   private:
    Connection& connection_;
  };

  /// A read connection, taken from the idle ones; as many exist as there are threads.
  class Lent {
   public:
    explicit Lent(Database& database);
    ~Lent();
    Lent(const Lent&) = delete;
    Lent& operator=(const Lent&) = delete;
    Connection& operator*() const noexcept { return *connection_; }

   private:
    Database& database_;
    std::unique_ptr<Connection> connection_;
  };

  template <typename F>
  auto in_transaction(Connection& connection, Transaction::Kind kind, F& function) {
    Transaction transaction(connection, kind);
    if constexpr (std::is_void_v<std::invoke_result_t<F&, Connection&>>) {
      function(connection);
      transaction.commit();
    } else {
      auto result = function(connection);
      transaction.commit();
      return result;
    }
  }
  template <typename F>
  auto reading(F& function) {
    const Lent connection(*this);
    return in_transaction(*connection, Transaction::Kind::kDeferred, function);
  }
  template <typename F>
  auto writing(F& function) {
    return in_transaction(*write_connection_, Transaction::Kind::kImmediate, function);
  }
  template <typename W>
  static std::invoke_result_t<W&> block_on(Pool& pool, W work) {
    // Shared: the pool may still be leaving the task when the result is here.
    auto task = std::make_shared<std::packaged_task<std::invoke_result_t<W&>()>>(std::ref(work));
    auto result = task->get_future();
    asio::post(pool.threads(), [task = std::move(task)] { (*task)(); });
    return result.get();
  }

  std::unique_ptr<Connection> take_reader();
  void enqueue(std::function<void(Connection&)> function);
  void drain();

  struct Queues;
  Options options_;
  obs::Log& log_;
  std::unique_ptr<Queues> queues_;
  std::unique_ptr<Connection> write_connection_;
  Pool writer_;
  Pool readers_;
};

}  // namespace hubcache::db
