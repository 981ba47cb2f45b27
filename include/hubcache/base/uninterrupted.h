#pragma once

#include <utility>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/this_coro.hpp>

#include "hubcache/base/task.h"

namespace hubcache {

/// Runs `task` on `home` to its end, for it must not stop half way: a cancellation of the caller
/// does not reach it, and ends what the caller waits for next.
template <typename T>
Task<T> uninterrupted(Executor home, Task<T> task) {
  co_return co_await asio::co_spawn(
      home, std::move(task), asio::bind_cancellation_slot(asio::cancellation_slot(), use_task));
}
template <typename T>
Task<T> uninterrupted(Task<T> task) {
  const Executor here = co_await asio::this_coro::executor;
  co_return co_await uninterrupted(here, std::move(task));
}

}  // namespace hubcache
