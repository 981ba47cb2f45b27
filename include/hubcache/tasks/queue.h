#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "hubcache/base/clock.h"
#include "hubcache/base/workers.h"
#include "hubcache/db/database.h"
#include "hubcache/obs/log.h"
#include "hubcache/tasks/record.h"

namespace hubcache::tasks {

/// A task while it runs, for the work that does it. Used on the queue's worker.
class Run {
 public:
  virtual ~Run() = default;
  /// The task's, as JSON text.
  virtual const std::string& arguments() const = 0;
  /// Tells how far a part has come; parts are told apart by their code. What is told in between is
  /// recorded now and then, what is told last always.
  virtual void report(Report report) = 0;
};

/// Does a task: completed when it returns, failed when it throws, with what an Error says as the
/// reason. It is cancelled by cancellation, and may be run again from its beginning after a
/// restart.
using Work = std::function<Task<>(Run& run)>;

/// Runs recorded tasks: in the order they were made, a few at once, none beside another that holds
/// what it wants. Its state belongs to one worker; callable from all of them.
///
/// A stop of the server ends what runs at its next wait, and the next start begins it again. So it
/// does after a crash, but what ran at several crashes is given up as failed.
class Queue {
 public:
  struct Options {
    std::size_t at_once = 4;
    std::int64_t max_crashes = 3;
    std::chrono::milliseconds record_interval{500};  // of reports
  };
  Queue(Workers& workers, db::Database& database, Options options, const Clock& clock,
        obs::Log& log);
  ~Queue();
  Queue(const Queue&) = delete;
  Queue& operator=(const Queue&) = delete;

  /// What does tasks of that name. Before start().
  void define(std::string name, Work work);
  /// Takes back what an earlier process left, and runs what waits. Blocks; not on a worker.
  void start();
  /// A waiting task was recorded: runs it when its turn comes.
  void wake();
  /// The task, canceled or on the way to that; as it is when it was final; nullopt when there is
  /// none.
  struct Canceled {
    Record record;
    bool was_final = false;
  };
  Task<std::optional<Canceled>> cancel(std::string id);
  /// Ends what runs, which waits for the next start. To be awaited before this object goes, when it
  /// was started.
  Task<> shut_down();

 private:
  struct Running;
  struct Impl;
  static Task<> end_all(std::shared_ptr<Impl> impl);
  std::shared_ptr<Impl> impl_;
};

}  // namespace hubcache::tasks
