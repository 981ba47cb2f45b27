#include "hubcache/app/notify.h"

#include <array>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <future>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "hubcache/base/fd.h"
#include "hubcache/base/workers.h"

#include "support/run.h"

namespace hubcache::app {
namespace {

/// What systemd is to a service: a datagram socket that NOTIFY_SOCKET names.
class NotifyTest : public testing::Test {
 protected:
  NotifyTest() : socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0)) {
    const auto path = (folder / "notify").string();
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.data(), path.size());
    EXPECT_EQ(::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)),
              0);
    ::setenv("NOTIFY_SOCKET", path.c_str(), 1);
  }
  ~NotifyTest() override { ::unsetenv("NOTIFY_SOCKET"); }
  NotifyTest(const NotifyTest&) = delete;
  NotifyTest& operator=(const NotifyTest&) = delete;

  /// What was told; "" when nothing was. sd_notify has sent it when it returns.
  std::string told() {
    std::array<char, 1024> message{};
    const auto length = ::recv(socket.get(), message.data(), message.size(), 0);
    return length < 0 ? std::string()
                      : std::string(message.data(), static_cast<std::size_t>(length));
  }

  /// The next that is told, waited for.
  std::string next() {
    pollfd readable{.fd = socket.get(), .events = POLLIN, .revents = 0};
    EXPECT_EQ(::poll(&readable, 1, 60'000), 1);
    return told();
  }

  test::TempDir folder;
  Fd socket;
};

TEST_F(NotifyTest, ReadinessIsToldWithWhatIsServed) {
  notify_ready("serving on 127.0.0.1:8080");
  EXPECT_EQ(told(), "READY=1\nSTATUS=serving on 127.0.0.1:8080");
}

TEST_F(NotifyTest, TheBeginningOfTheEndIsTold) {
  notify_stopping();
  EXPECT_EQ(told(), "STOPPING=1");
}

TEST_F(NotifyTest, NothingIsToldWhenNobodyAsked) {
  ::unsetenv("NOTIFY_SOCKET");
  notify_ready("serving");
  EXPECT_EQ(told(), "");
}

Task<> wait_a_while(Executor executor, std::chrono::milliseconds time) {
  Timer timer(executor, time);
  co_await timer.async_wait(use_task);
}

TEST_F(NotifyTest, AServiceIsAliveWhileAllItsWorkersAre) {
  constexpr std::chrono::milliseconds kInterval{1};
  test::Runner runner(2);
  runner.start(prove_alive(runner.workers(), kInterval));
  EXPECT_EQ(next(), "WATCHDOG=1");
  EXPECT_EQ(next(), "WATCHDOG=1");

  std::promise<void> stuck;
  std::promise<void> release;
  asio::post(runner.executor(1), [&] {
    stuck.set_value();
    release.get_future().wait();
  });
  stuck.get_future().wait();
  // The worker may have answered just before: what is told from now on is told for that.
  runner.run(wait_a_while(runner.executor(), 20 * kInterval));
  for (int i = 0; i < 1'000 && !told().empty(); ++i) continue;
  runner.run(wait_a_while(runner.executor(), 20 * kInterval));
  EXPECT_EQ(told(), "");

  release.set_value();
  EXPECT_EQ(next(), "WATCHDOG=1");
  EXPECT_EQ(next(), "WATCHDOG=1");
}

TEST_F(NotifyTest, TheWatchdogIsAnsweredTwiceInItsTime) {
  EXPECT_FALSE(watchdog_interval());
  ::setenv("WATCHDOG_USEC", "3000000", 1);
  EXPECT_EQ(watchdog_interval(), std::chrono::microseconds(1'500'000));
  ::unsetenv("WATCHDOG_USEC");
}

}  // namespace
}  // namespace hubcache::app
