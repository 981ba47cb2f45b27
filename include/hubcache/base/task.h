#pragma once

#include <chrono>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace hubcache {

namespace asio = boost::asio;

/// Every coroutine runs on some worker's io_context: the executor type is fixed, not erased.
using Executor = asio::io_context::executor_type;

using Timer = asio::basic_waitable_timer<std::chrono::steady_clock,
                                         asio::wait_traits<std::chrono::steady_clock>, Executor>;

template <typename T = void>
using Task = asio::awaitable<T, Executor>;

/// The completion token of our coroutines: `co_await timer.async_wait(use_task)`.
inline constexpr asio::use_awaitable_t<Executor> use_task{};

}  // namespace hubcache
