#pragma once

#include <cstddef>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <future>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <system_error>
#include <type_traits>
#include <utility>
#include <vector>

#include <boost/asio/co_spawn.hpp>

#include "hubcache/base/error.h"
#include "hubcache/base/workers.h"

namespace hubcache::test {

/// Workers that run, and a way to wait for coroutines from the test's own thread. Declare it
/// before what lives on the workers, and let run() end what was started: its destructor stops the
/// loops and drops what still waits.
class Runner {
 public:
  explicit Runner(std::size_t workers = 1) : workers_(workers) { workers_.start(); }

  Workers& workers() noexcept { return workers_; }
  Executor executor(std::size_t worker = 0) { return workers_.executor(worker); }

  /// Runs `task` on `worker` and blocks for its result, or throws what it threw.
  template <typename T>
  T run(Task<T> task, std::size_t worker = 0) {
    return start(std::move(task), worker).get();
  }

  /// Begins `task` on `worker`; the future has its result.
  template <typename T>
  std::future<T> start(Task<T> task, std::size_t worker = 0) {
    auto promise = std::make_shared<std::promise<T>>();
    auto future = promise->get_future();
    keep(promise);
    asio::co_spawn(executor(worker), settle(std::move(task), std::move(promise)),
                   [](const std::exception_ptr&) {});
    return future;
  }

  /// Stops the loops, what waits is not resumed: for tests of what goes on by itself.
  void stop() {
    workers_.stop();
    workers_.join();
  }

  /// Runs a plain function on `worker` and blocks for its result.
  template <typename F>
  std::invoke_result_t<F&> call(F function, std::size_t worker = 0) {
    return run(as_task(std::move(function)), worker);
  }

 private:
  /// A result, an exception above all, must not be freed by the worker while the test looks at it:
  /// the library's counting of exceptions is invisible to thread sanitizers.
  void keep(std::shared_ptr<void> promise) {
    const std::lock_guard lock(mutex_);
    kept_.push_back(std::move(promise));
  }

  template <typename T>
  static Task<void> settle(Task<T> task, std::shared_ptr<std::promise<T>> promise) {
    try {
      if constexpr (std::is_void_v<T>) {
        co_await std::move(task);
        promise->set_value();
      } else {
        // Named, so that the task's frame is gone before the test goes on.
        T value = co_await std::move(task);
        promise->set_value(std::move(value));
      }
    } catch (...) {
      promise->set_exception(std::current_exception());
    }
  }

  template <typename F>
  static Task<std::invoke_result_t<F&>> as_task(F function) {
    co_return function();
  }

  std::mutex mutex_;  // start() may be called on any thread
  std::vector<std::shared_ptr<void>> kept_;
  Workers workers_;
};

/// A directory of its own, removed with all it holds.
class TempDir {
 public:
  TempDir() {
    std::string pattern = (std::filesystem::temp_directory_path() / "hubcache-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("mkdtemp failed");
    path_ = pattern;
  }
  ~TempDir() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;

  const std::filesystem::path& path() const noexcept { return path_; }
  std::filesystem::path operator/(const std::string& name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

/// The kind of the Error that `act` throws; a test failure when it throws none.
template <typename F>
Error::Kind kind_thrown_by(F act) {
  try {
    act();
  } catch (const Error& error) {
    return error.kind();
  }
  throw std::runtime_error("no Error was thrown");
}

}  // namespace hubcache::test
