#include "hubcache/base/workers.h"

#include <atomic>
#include <chrono>
#include <exception>
#include <future>
#include <memory>
#include <stdexcept>
#include <thread>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_future.hpp>
#include <gtest/gtest.h>

#include "hubcache/base/error.h"

namespace hubcache {
namespace {

class WorkersTest : public testing::Test {
 protected:
  void SetUp() override { workers.start(); }

  template <typename T>
  T run(std::size_t worker, Task<T> task) {
    return asio::co_spawn(workers.executor(worker), std::move(task), asio::use_future).get();
  }

  Workers workers{2};
  Pool pool{"test", 1, 1};
};

Task<std::size_t> where(Workers& workers) { co_return workers.current(); }

TEST_F(WorkersTest, OnRunsAtHomeAndComesBack) {
  auto hop = [](Workers& all) -> Task<std::pair<std::size_t, std::size_t>> {
    const auto there = co_await on(all.executor(1), where(all));
    co_return std::pair(there, all.current());
  };
  const auto [there, back] = run(0, hop(workers));
  EXPECT_EQ(there, 1u);
  EXPECT_EQ(back, 0u);
}

TEST_F(WorkersTest, OffloadRunsElsewhereAndResumesHere) {
  auto hop = [](Workers& all, Pool& away) -> Task<std::pair<std::size_t, std::size_t>> {
    auto work = [&all] { return all.current(); };
    const auto there = co_await offload(away, work);
    co_return std::pair(there, all.current());
  };
  const auto [there, back] = run(0, hop(workers, pool));
  EXPECT_EQ(there, workers.size());
  EXPECT_EQ(back, 0u);
}

TEST_F(WorkersTest, OffloadThrowsWhatTheWorkThrew) {
  auto failing = [](Pool& away) -> Task<int> {
    auto work = []() -> int { throw Error(Error::Kind::kIo, "broken"); };
    co_return co_await offload(away, work);
  };
  EXPECT_THROW(run(0, failing(pool)), Error);
}

/// Ends at about the time at which it is cancelled.
Task<> end_soon(std::chrono::microseconds after) {
  Timer timer(co_await asio::this_coro::executor);
  timer.expires_after(after);
  co_await timer.async_wait(use_task);
}

TEST_F(WorkersTest, WhatEndsOnAnotherWorkerMayBeCancelledAsItEnds) {
  constexpr int kMany = 3'000;
  std::atomic<int> ended{0};
  const auto hop = [](Executor away, std::chrono::microseconds after) -> Task<> {
    co_await on(away, end_soon(after));
  };
  const auto begin = [&](int i) {
    const auto stop = std::make_shared<asio::cancellation_signal>();
    const auto here = workers.executor(0);
    asio::co_spawn(here, hop(workers.executor(1), std::chrono::microseconds(i % 61)),
                   asio::bind_cancellation_slot(
                       stop->slot(), [&ended, stop](const std::exception_ptr&) { ++ended; }));
    const auto timer = std::make_shared<Timer>(here, std::chrono::microseconds(i % 67));
    timer->async_wait([timer, weak = std::weak_ptr(stop)](const boost::system::error_code&) {
      if (const auto still = weak.lock()) still->emit(asio::cancellation_type::terminal);
    });
  };
  for (int i = 0; i < kMany; ++i) {
    asio::post(workers.executor(0), [&begin, i] { begin(i); });
    while (i - ended > 20) std::this_thread::yield();
  }
  while (ended < kMany) std::this_thread::yield();
}

TEST(WorkersEndTest, WhatStillWaitsOnAnotherWorkerIsUnwound) {
  const auto held = std::make_shared<int>(0);
  for (std::size_t first = 0; first < 2; ++first) {
    Workers workers(2);
    workers.start();
    std::promise<void> waits;
    auto for_ever = [](std::shared_ptr<int>, std::promise<void>& ready) -> Task<> {
      Timer never(co_await asio::this_coro::executor, Timer::time_point::max());
      ready.set_value();
      co_await never.async_wait(use_task);
    };
    auto hop = [for_ever](Executor away, std::shared_ptr<int> mine,
                          std::promise<void>& ready) -> Task<> {
      co_await on(away, for_ever(mine, ready));
    };
    asio::co_spawn(workers.executor(first), hop(workers.executor(1 - first), held, waits),
                   asio::detached);
    waits.get_future().get();
  }
  EXPECT_EQ(held.use_count(), 1);
}

TEST_F(WorkersTest, AFullPoolRefusesWork) {
  pool.enter();
  auto refused = [](Pool& away) -> Task<int> {
    auto work = [] { return 1; };
    co_return co_await offload(away, work);
  };
  EXPECT_THROW(run(0, refused(pool)), Error);
  pool.left();
  EXPECT_EQ(run(0, refused(pool)), 1);
}

}  // namespace
}  // namespace hubcache
