#include "hubcache/app/place.h"

#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "hubcache/base/error.h"

#include "support/run.h"

namespace hubcache::app {
namespace {

using testing::HasSubstr;
using testing::Not;
using Environment = std::vector<std::string>;

std::string url_of(const Place& place, const Environment& environment = {}) {
  const auto server = server_of(place, environment);
  return server ? server->url() : "";
}

std::string refusal_of(const Place& place, const Environment& environment = {}) {
  try {
    server_of(place, environment);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), Error::Kind::kBadRequest);
    return error.what();
  }
  return {};
}

TEST(Place, AServerIsNamedByItsOptionElseByTheEnvironment) {
  const Environment environment{"HUBCACHE_SERVERS=no", "HUBCACHE_SERVER=https://b.example/hub"};
  EXPECT_EQ(url_of({.may_be_server = true}), "");
  EXPECT_EQ(url_of({.server = "http://a:8080", .may_be_server = true}), "http://a:8080");
  EXPECT_EQ(url_of({.server = "http://a", .may_be_server = true}, environment), "http://a");
  EXPECT_EQ(url_of({.may_be_server = true}, environment), "https://b.example/hub");
  EXPECT_EQ(url_of({.may_be_server = true}, {"HUBCACHE_SERVER="}), "");
}

TEST(Place, ADataDirectoryThatIsNamedIsMeantWhateverTheEnvironmentSays) {
  const Environment environment{"HUBCACHE_SERVER=https://b.example"};
  EXPECT_EQ(url_of({.data_dir = "/srv", .may_be_server = true}, environment), "");
  EXPECT_EQ(url_of({.config = "x.toml", .may_be_server = true}, environment), "");
  EXPECT_EQ(url_of({}, environment), "") << "a command that needs the files";
}

TEST(Place, AServerAndADataDirectoryAreNotBothMeant) {
  for (const Place& both : {Place{.data_dir = "/srv", .server = "http://a", .may_be_server = true},
                            Place{.config = "x", .login_file = "y", .may_be_server = true}}) {
    EXPECT_THAT(refusal_of(both), HasSubstr("--data-dir"));
  }
}

TEST(Place, WhatIsNoUrlOfAServerIsRefusedWithoutTellingIt) {
  for (const char* url : {"a.example:8080", "ftp://a.example", "unix:/run/x", "http://",
                          "http://a.example?x=y", "https://admin:pass-word@a.example"}) {
    const auto told = refusal_of({.server = url, .may_be_server = true});
    EXPECT_THAT(told, HasSubstr("http(s)://host:port")) << url;
    EXPECT_THAT(told, Not(HasSubstr("pass-word")));
  }
}

TEST(Place, ALoginIsANameWithAPasswordOrAnAccessToken) {
  EXPECT_EQ(authorization_of(""), "");
  EXPECT_EQ(authorization_of("admin:password"), "Basic YWRtaW46cGFzc3dvcmQ=");
  EXPECT_EQ(authorization_of("admin:password\r"), "Basic YWRtaW46cGFzc3dvcmQ=");
  EXPECT_EQ(authorization_of("admin:a:b c"), "Basic YWRtaW46YTpiIGM=");
  EXPECT_EQ(authorization_of("hc_0123"), "Bearer hc_0123");
  for (const char* wrong : {"pass-word", "hf_0123", "hc_01 23", "hc_01\r\nX"}) {
    try {
      authorization_of(wrong);
      ADD_FAILURE() << wrong;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), Error::Kind::kBadRequest);
      EXPECT_THAT(error.what(), Not(HasSubstr(wrong)));
    }
  }
}

TEST(Place, ALoginIsReadFromItsFileElseFromTheEnvironment) {
  const test::TempDir folder;
  const auto file = (folder / "login").string();
  const Place place{.server = "http://a", .login_file = file, .may_be_server = true};
  EXPECT_THAT(refusal_of(place), HasSubstr(file)) << "there is none";
  std::ofstream(file) << "pass-word\n";
  EXPECT_THAT(refusal_of(place, {"HUBCACHE_LOGIN=admin:password"}), HasSubstr("NAME:PASSWORD"));
  std::ofstream(file) << "admin:password\n# and more\n";
  EXPECT_EQ(url_of(place, {"HUBCACHE_LOGIN=wrong"}), "http://a");
  const Place without{.server = "http://a", .may_be_server = true};
  EXPECT_THAT(refusal_of(without, {"HUBCACHE_LOGIN=wrong"}), HasSubstr("NAME:PASSWORD"));
  EXPECT_THAT(refusal_of({.login_file = file, .may_be_server = true}), HasSubstr("--server"));
}

}  // namespace
}  // namespace hubcache::app
