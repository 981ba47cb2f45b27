#include "hubcache/net/listener.h"

#include <cstring>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "hubcache/base/error.h"

namespace hubcache::net {
namespace {

TEST(Listener, TellsTheRealPortWhenZeroWasAsked) {
  const auto listener = listen("127.0.0.1:0");
  EXPECT_THAT(listener.address, testing::MatchesRegex("127\\.0\\.0\\.1:[1-9][0-9]*"));
  EXPECT_GE(listener.socket.get(), 0);
}

TEST(Listener, RefusesWhatIsNoAddress) {
  for (const char* text :
       {"", "8080", "example.org:80", "127.0.0.1", "127.0.0.1:", "127.0.0.1:99999", "127.0.0.1:80x",
        "::1:80", "[::1]", "unix:", "unix:relative"}) {
    try {
      listen(text);
      FAIL() << text;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), Error::Kind::kBadRequest) << text;
      EXPECT_THAT(error.what(), testing::HasSubstr("unix:/path")) << text;
    }
  }
}

TEST(Listener, SaysWhyAPortCannotBeBound) {
  const auto first = listen("127.0.0.1:0");
  try {
    listen(first.address);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), Error::Kind::kIo);
    EXPECT_THAT(error.what(), testing::HasSubstr("in use"));
  }
}

TEST(Listener, ReplacesASocketFileThatNobodyAnswers) {
  const std::string path = testing::TempDir() + "hubcache-listener.sock";
  ::unlink(path.c_str());
  {
    const auto first = listen("unix:" + path);
  }  // the file stays behind
  const auto second = listen("unix:" + path);
  EXPECT_EQ(second.address, "unix:" + path);
  EXPECT_THROW(listen("unix:" + path), Error);
  ::unlink(path.c_str());
}

}  // namespace
}  // namespace hubcache::net
