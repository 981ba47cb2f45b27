#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "hubcache/base/task.h"
#include "hubcache/base/workers.h"
#include "hubcache/db/connection.h"
#include "hubcache/obs/log.h"

namespace hubcache::db {

/// A numbered step of the format, applied once, in a transaction of its own. Numbers are unique
/// over all modules and never change.
struct Migration {
  int number;
  std::string_view sql;
};

/// SQLite in WAL mode behind one writer thread and two reader threads. Callable from any worker.
/// Failures are Error: kNoSpace when the disk is full, kConflict for a violated constraint, kIo
/// otherwise.
class Database {
 public:
  /// Opens or creates the file and applies what is missing of `migrations`. Throws kConflict when
  /// the file's format is newer than all of them.
  Database(const std::string& path, std::vector<Migration> migrations, obs::Log& log);
  ~Database();

  /// Runs `query(Connection&)` on a reader.
  template <typename F>
  Task<std::invoke_result_t<F&, Connection&>> read(F query) {
    auto work = [this, query = std::move(query)]() mutable { return with_reader(query); };
    return offload(readers_, std::move(work));
  }

  /// Runs `change(Connection&)` in one IMMEDIATE transaction on the writer; a throw rolls back.
  /// When it returns the change survives kill -9, not yet a power failure.
  template <typename F>
  Task<std::invoke_result_t<F&, Connection&>> write(F change) {
    auto work = [this, change = std::move(change)]() mutable { return in_transaction(change); };
    return offload(writer_, std::move(work));
  }

  /// As write(), and on stable storage when it returns.
  template <typename F>
  Task<std::invoke_result_t<F&, Connection&>> write_durable(F change) {
    auto work = [this, change = std::move(change)]() mutable {
      const Durable durable(*write_connection_);
      return in_transaction(change);
    };
    return offload(writer_, std::move(work));
  }

  /// Queues a change nobody waits for. A failure, or a queue that is full, is logged.
  void write_soon(std::function<void(Connection&)> change);

  /// The same on the calling thread: for start-up and tests only.
  template <typename F>
  auto write_now(F change) {
    return in_transaction(change);
  }

 private:
  struct Durable {
    explicit Durable(Connection& connection);
    ~Durable();
    Connection& connection;
  };
  class Transaction {
   public:
    explicit Transaction(Connection& connection);
    ~Transaction();
    void commit();

   private:
    Connection& connection_;
    bool open_ = true;
  };
  [[noreturn]] static void rethrow_as_error();

  template <typename F>
  auto with_reader(F& query) {
    const auto lease = lease_reader();
    try {
      return query(*lease);
    } catch (const SQLite::Exception&) {
      rethrow_as_error();
    }
  }

  template <typename F>
  std::invoke_result_t<F&, Connection&> in_transaction(F& change) {
    try {
      Transaction transaction(*write_connection_);
      if constexpr (std::is_void_v<std::invoke_result_t<F&, Connection&>>) {
        change(*write_connection_);
        transaction.commit();
      } else {
        auto result = change(*write_connection_);
        transaction.commit();
        return result;
      }
    } catch (const SQLite::Exception&) {
      rethrow_as_error();
    }
  }

  std::shared_ptr<Connection> lease_reader();
  void migrate(std::vector<Migration> migrations);

  struct Readers;
  obs::Log& log_;
  std::unique_ptr<Connection> write_connection_;
  std::unique_ptr<Readers> read_connections_;
  Pool writer_;
  Pool readers_;
};

}  // namespace hubcache::db
