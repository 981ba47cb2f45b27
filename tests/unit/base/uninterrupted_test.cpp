#include "hubcache/base/uninterrupted.h"

#include <chrono>
#include <exception>
#include <stdexcept>

#include <boost/asio/redirect_error.hpp>
#include <gtest/gtest.h>

namespace hubcache {
namespace {

using namespace std::chrono_literals;

/// One thread, whose only wait is a timer that the test ends.
class UninterruptedTest : public testing::Test {
 protected:
  Task<int> wait_and_count() {
    boost::system::error_code ignored;
    co_await timer.async_wait(asio::redirect_error(use_task, ignored));
    co_return ++ended;
  }
  Task<> caller() {
    got = co_await uninterrupted(wait_and_count());
    Timer next(loop.get_executor(), 0s);
    co_await next.async_wait(use_task);
    went_on = true;
  }
  void start(Task<> task) {
    auto done = [this](const std::exception_ptr& why) { failure = why; };
    asio::co_spawn(loop, std::move(task), asio::bind_cancellation_slot(cancel.slot(), done));
    loop.poll();
  }

  asio::io_context loop{1};
  Timer timer{loop.get_executor(), 1h};
  asio::cancellation_signal cancel;
  int ended = 0;
  int got = 0;
  bool went_on = false;
  std::exception_ptr failure;
};

TEST_F(UninterruptedTest, ACancelledCallerHasTheResultAndWaitsForNothingElse) {
  start(caller());
  cancel.emit(asio::cancellation_type::terminal);
  loop.poll();
  EXPECT_EQ(ended, 0);
  timer.cancel();
  loop.restart();
  loop.run();
  EXPECT_EQ(ended, 1);
  EXPECT_EQ(got, 1);
  EXPECT_FALSE(went_on);
  EXPECT_NE(failure, nullptr);
}

TEST_F(UninterruptedTest, WithoutACancellationTheCallerGoesOn) {
  start(caller());
  timer.cancel();
  loop.restart();
  loop.run();
  EXPECT_EQ(got, 1);
  EXPECT_TRUE(went_on);
  EXPECT_EQ(failure, nullptr);
}

TEST_F(UninterruptedTest, AFailureIsTheCallers) {
  auto failing = []() -> Task<> {
    throw std::runtime_error("no");
    co_return;
  };
  start(uninterrupted(failing()));
  loop.restart();
  loop.run();
  EXPECT_NE(failure, nullptr);
}

TEST_F(UninterruptedTest, ALoopThatEndsUnwindsBoth) {
  start(caller());
  EXPECT_EQ(ended, 0);
}

}  // namespace
}  // namespace hubcache
