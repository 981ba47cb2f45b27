#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include <boost/asio/async_result.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/thread_pool.hpp>

#include "hubcache/base/task.h"

namespace hubcache {

/// The event loops: one thread and one io_context each. State belongs to one of them and is
/// reached from the others with on(). Constructed and joined by one thread. They outlive every Pool
/// (and Database) whose work comes back to them: its threads touch a loop after they woke it.
class Workers {
 public:
  explicit Workers(std::size_t count);
  /// Stops and joins, if that was not done. Coroutines that still wait are destroyed here, each
  /// unwound before any loop goes away.
  ~Workers();
  Workers(const Workers&) = delete;
  Workers& operator=(const Workers&) = delete;

  void start();
  /// Makes every loop return as soon as it can; pending work is dropped.
  void stop();
  void join();

  std::size_t size() const noexcept { return loops_.size(); }
  Executor executor(std::size_t worker) { return loops_[worker]->context.get_executor(); }
  asio::io_context& context(std::size_t worker) { return loops_[worker]->context; }
  /// The worker that owns what has this hash.
  std::size_t home(std::uint64_t hash) const noexcept { return hash % loops_.size(); }
  /// The worker this thread is, or size() when it is none of them.
  std::size_t current() const noexcept;

 private:
  struct Context : asio::io_context {
    using asio::execution_context::shutdown;  // protected there
    using asio::io_context::io_context;
  };
  struct Loop {
    Context context{1};
    std::optional<asio::executor_work_guard<Executor>> guard;
    std::thread thread;
    std::atomic<std::thread::id> id;
  };
  std::vector<std::unique_ptr<Loop>> loops_;
};

/// Runs `task` on `home` and comes back with its result: one round trip of about 12 us, or none
/// when the caller is there already. The caller's cancellation reaches the task.
template <typename T>
Task<T> on(Executor home, Task<T> task) {
  if (home.running_in_this_thread()) co_return co_await std::move(task);
  // What the Asio of Boost 1.81 itself posts to `home` when we are cancelled refers to what is
  // freed when the task ends meanwhile (co_spawn_cancellation_handler).
  auto stop = std::make_shared<asio::cancellation_signal>();
  auto slot = (co_await asio::this_coro::cancellation_state).slot();
  if (slot.is_connected()) {
    slot.assign([stop, home](asio::cancellation_type type) {
      asio::post(home, [stop, type] { stop->emit(type); });
    });
  }
  co_return co_await asio::co_spawn(home, std::move(task),
                                    asio::bind_cancellation_slot(stop->slot(), use_task));
}

/// Threads for work that blocks (disk, SQL, hashing). Bounded: offload() throws kUnavailable when
/// `queue_limit` pieces of work wait already.
class Pool {
 public:
  Pool(std::string name, std::size_t threads, std::size_t queue_limit = 100'000);
  /// Waits for the work that was accepted.
  ~Pool();
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  asio::thread_pool& threads() noexcept { return threads_; }
  /// Throws kUnavailable when the queue is full; otherwise the caller must call left() later.
  void enter();
  void left() noexcept { waiting_.fetch_sub(1, std::memory_order_relaxed); }
  void join();

 private:
  std::string name_;
  std::size_t queue_limit_;
  std::atomic<std::size_t> waiting_{0};
  asio::thread_pool threads_;
};

namespace detail {
template <typename R>
struct Outcome {
  std::exception_ptr failure;
  std::conditional_t<std::is_void_v<R>, std::monostate, std::optional<R>> value{};
};
}  // namespace detail

/// Runs `work()` on the pool and resumes on the caller's worker with its result or exception.
/// The work is not cancelled: it runs to its end.
template <typename F>
Task<std::invoke_result_t<F&>> offload(Pool& pool, F work) {
  using R = std::invoke_result_t<F&>;
  const Executor back = co_await asio::this_coro::executor;
  pool.enter();
  auto outcome = std::make_shared<detail::Outcome<R>>();
  auto start = [&pool, back, outcome,
                work = std::optional<F>(std::move(work))](auto handler) mutable {
    auto run = [&pool, back, outcome, work = std::move(work),
                guard = asio::executor_work_guard<Executor>(back),
                handler = std::move(handler)]() mutable {
      try {
        if constexpr (std::is_void_v<R>) {
          (*work)();
        } else {
          outcome->value.emplace((*work)());
        }
      } catch (...) {
        outcome->failure = std::current_exception();
      }
      // The caller may be gone as soon as it was resumed: nothing of the work lives on here.
      work.reset();
      outcome.reset();
      pool.left();
      asio::post(back, std::move(handler));
    };
    asio::post(pool.threads(), std::move(run));
  };
  co_await asio::async_initiate<const asio::use_awaitable_t<Executor>, void()>(std::move(start),
                                                                               use_task);
  if (outcome->failure) std::rethrow_exception(outcome->failure);
  if constexpr (!std::is_void_v<R>) co_return std::move(*outcome->value);
}

}  // namespace hubcache
