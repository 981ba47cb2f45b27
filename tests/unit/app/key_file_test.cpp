#include "hubcache/app/key_file.h"

#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "hubcache/app/fetch_arguments.h"
#include "hubcache/app/rotate_key.h"
#include "hubcache/base/error.h"

#include "support/run.h"

namespace hubcache::app {
namespace {

using testing::HasSubstr;

/// A data directory with a database, as a server left it.
class KeyFileTest : public testing::Test {
 protected:
  KeyFileTest() {
    config.storage.data_dir = data.path();
    std::ofstream(store::DataDir::database_in(data.path())).flush();
  }

  template <typename Command>
  void expect_no_key(const Command& command) {
    try {
      command();
      ADD_FAILURE() << "it went on without the key";
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), Error::Kind::kNotFound);
      EXPECT_THAT(error.what(), HasSubstr("[storage] key_file"));
    }
    EXPECT_FALSE(std::filesystem::exists(data / "secrets.key"));
  }

  test::TempDir data;
  Config config;
};

TEST_F(KeyFileTest, AFetchWithoutAServerMakesNoSecondKey) {
  FetchArguments arguments;
  arguments.repos = {"org/name"};
  expect_no_key([&] { run_fetch_arguments({.config = config}, arguments); });
}

TEST_F(KeyFileTest, AChangeOfTheKeyMakesNoSecondOne) {
  expect_no_key([this] { rotate_key(config); });
  config.storage.key_file = data / "elsewhere.key";
  expect_no_key([this] { rotate_key(config); });
  EXPECT_FALSE(std::filesystem::exists(config.storage.key_file));
}

TEST_F(KeyFileTest, AKeyIsAskedForWhereItIsConfigured) {
  std::ofstream(data / "secrets.key").flush();
  EXPECT_NO_THROW(require_key(config));
  config.storage.key_file = data / "elsewhere.key";
  EXPECT_EQ(test::kind_thrown_by([this] { require_key(config); }), Error::Kind::kNotFound);
  std::ofstream(config.storage.key_file).flush();
  EXPECT_NO_THROW(require_key(config));
}

}  // namespace
}  // namespace hubcache::app
