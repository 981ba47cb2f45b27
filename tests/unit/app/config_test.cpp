#include "hubcache/app/config.h"

#include <fstream>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "hubcache/base/error.h"
#include "support/run.h"

namespace hubcache::app {
namespace {

using namespace std::chrono_literals;

class ConfigTest : public testing::Test {
 protected:
  std::string file(std::string_view text) {
    const auto path = (folder.path() / "hubcache.toml").string();
    std::ofstream(path) << text;
    return path;
  }
  std::string refusal_of(std::string_view text) {
    try {
      load_config(file(text), {}, {});
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), Error::Kind::kBadRequest);
      return error.what();
    }
    return "accepted";
  }
  test::TempDir folder;
};

TEST_F(ConfigTest, WithoutAnythingTheDefaultsHold) {
  const auto config = load_config("", {}, {});
  EXPECT_EQ(config.server.listen, std::vector<std::string>{"127.0.0.1:8080"});
  EXPECT_EQ(config.upstream.url, "https://huggingface.co");
  EXPECT_FALSE(config.upstream.url_given);
}

TEST_F(ConfigTest, EnvironmentBeatsTheFileAndFlagsBeatBoth) {
  const auto path = file("[server]\nidle_timeout = \"1 s\"\nheader_timeout = \"1 s\"\n"
                         "body_timeout = \"1 s\"\n");
  const auto config = load_config(
      path, {"HUBCACHE_SERVER_HEADER_TIMEOUT=2 s", "HUBCACHE_SERVER_BODY_TIMEOUT=2 s", "HOME=/"},
      {{"server.body_timeout", "3 s"}});
  EXPECT_EQ(config.server.limits.idle_timeout, 1s);
  EXPECT_EQ(config.server.limits.header_timeout, 2s);
  EXPECT_EQ(config.server.limits.body_timeout, 3s);
  EXPECT_EQ(config.origins.at("server.idle_timeout"), "file");
  EXPECT_EQ(config.origins.at("server.header_timeout"), "environment");
  EXPECT_EQ(config.origins.at("server.body_timeout"), "flag");
}

TEST_F(ConfigTest, WrongKeysTypesAndUnitsAreRefusedWithLineAndWhatIsAllowed) {
  EXPECT_THAT(refusal_of("[server]\n\nlisen = \"x\"\n"),
              testing::AllOf(testing::HasSubstr("hubcache.toml:3"), testing::HasSubstr("listen")));
  EXPECT_THAT(refusal_of("[sever]\nlisten = []\n"), testing::HasSubstr("unknown section"));
  EXPECT_THAT(refusal_of("[storage]\nmax_size = 5\n"), testing::HasSubstr("hubcache.toml:2"));
  EXPECT_THAT(refusal_of("[storage]\nmax_size = \"5 XB\"\n"), testing::HasSubstr("500 GiB"));
  EXPECT_THAT(refusal_of("[server]\nidle_timeout = \"5\"\n"), testing::HasSubstr("10 min"));
  EXPECT_THAT(refusal_of("[log]\nformat = \"xml\"\n"), testing::HasSubstr("text, json"));
  EXPECT_THAT(refusal_of("[server]\nworkers = \"many\"\n"), testing::HasSubstr("whole number"));
  EXPECT_THAT(refusal_of("[server\n"), testing::HasSubstr("hubcache.toml:1"));
  EXPECT_THROW(load_config("", {"HUBCACHE_SEVER_LISTEN=x"}, {}), Error);
}

TEST_F(ConfigTest, ThePasswordComesFromTheEnvironmentAloneAndIsNeverPrinted) {
  const auto config = load_config("", {"HUBCACHE_ADMIN_PASSWORD=hunter2"}, {});
  EXPECT_EQ(config.admin_password, "hunter2");
  EXPECT_THAT(print_config(config), testing::Not(testing::HasSubstr("hunter2")));
}

TEST_F(ConfigTest, WhatIsPrintedCanBeReadAgain) {
  auto config = load_config("", {}, {{"server.listen", "127.0.0.1:1,[::1]:2"}});
  const auto again = load_config(file(print_config(config)), {}, {});
  EXPECT_EQ(again.server.listen, config.server.listen);
}

TEST_F(ConfigTest, TheSampleFileIsTheTable) {
  std::ifstream sample(std::string(SOURCE_DIR) + "/config/hubcache.toml");
  std::stringstream text;
  text << sample.rdbuf();
  EXPECT_EQ(text.str(), sample_config()) << "run: hubcache config --sample > config/hubcache.toml";
}

}  // namespace
}  // namespace hubcache::app
