#include "hubcache/app/notify.h"

#include <array>
#include <cstdlib>
#include <cstring>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "hubcache/base/fd.h"

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

}  // namespace
}  // namespace hubcache::app
