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
  const auto path = file(
      "[server]\nidle_timeout = \"1 s\"\nheader_timeout = \"1 s\"\n"
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
  EXPECT_THAT(refusal_of("[cache]\ngrant_ttl = 5\n"), testing::HasSubstr("\"5 min\""));
  EXPECT_THAT(refusal_of("[storage]\nmax_size = \"5 XB\"\n"), testing::HasSubstr("500 GiB"));
  EXPECT_THAT(refusal_of("[storage]\nmin_free = \"101 %\"\n"), testing::HasSubstr("100 %"));
  EXPECT_THAT(refusal_of("[storage]\nscrub = \"never\"\n"), testing::HasSubstr("\"off\""));
  EXPECT_THAT(refusal_of("[storage]\nscrub = \"5 min\"\n"), testing::HasSubstr("\"1 h\""));
  EXPECT_THAT(refusal_of("[server]\nidle_timeout = \"5\"\n"), testing::HasSubstr("10 min"));
  EXPECT_THAT(refusal_of("[log]\nformat = \"xml\"\n"), testing::HasSubstr("text, json"));
  EXPECT_THAT(refusal_of("[server]\nworkers = \"many\"\n"), testing::HasSubstr("whole number"));
  EXPECT_THAT(refusal_of("[server\n"), testing::HasSubstr("hubcache.toml:1"));
  EXPECT_THAT(refusal_of("[server]\nworkers = [1, }a = 2}]\n"),
              testing::HasSubstr("hubcache.toml:2"));
  EXPECT_THAT(refusal_of("workers = 2\n"), testing::HasSubstr("server"));
  EXPECT_THAT(refusal_of("[server]\nlisten = \"a:1\"\n"), testing::HasSubstr("list"));
  EXPECT_THAT(refusal_of("[log]\naccess = \"true\"\n"), testing::HasSubstr("without quotes"));
  EXPECT_THROW(load_config("", {"HUBCACHE_SEVER_LISTEN=x"}, {}), Error);
  EXPECT_THROW(load_config("", {}, {{"server.lisen", "x"}}), Error);
  EXPECT_THROW(load_config((folder.path() / "absent.toml").string(), {}, {}), Error);
}

TEST_F(ConfigTest, ValuesOfTheRightTypeThatCannotWorkAreRefusedWithWhatIsAllowed) {
  EXPECT_THAT(refusal_of("[server]\nlisten = []\n"), testing::HasSubstr("at least one"));
  EXPECT_THAT(refusal_of("[server]\nlisten = [\"127.0.0.1\"]\n"),
              testing::HasSubstr("hubcache.toml:2: server.listen: \"127.0.0.1\" is no address"));
  EXPECT_THAT(refusal_of("[server]\nlisten = [\"[::1]:80\", \"localhost:99999\"]\n"),
              testing::HasSubstr("\"localhost:99999\" is no address"));
  EXPECT_THAT(refusal_of("[server]\nmax_header_size = \"0\"\n"), testing::HasSubstr("1 KiB"));
  EXPECT_THAT(refusal_of("[server]\nmax_connections = 0\n"), testing::HasSubstr("1 to"));
  EXPECT_THAT(refusal_of("[upstream]\nmax_connections = 0\n"), testing::HasSubstr("1 to"));
  EXPECT_THAT(refusal_of("[server]\nworkers = -1\n"), testing::HasSubstr("0 or more"));
  EXPECT_THAT(refusal_of("[server]\nheader_timeout = \"0\"\n"), testing::HasSubstr("1 s"));
  EXPECT_THAT(refusal_of("[server]\nexternal_url = \"cache.example\"\n"),
              testing::HasSubstr("https://"));
  EXPECT_THAT(refusal_of("[server]\ntrusted_proxies = [\"::1\", \"proxy\"]\n"),
              testing::HasSubstr("\"proxy\" is no IP address"));
  for (const std::string bad :
       {"*", "null", "page.example", "https://page.example/", "https://a:443"}) {
    EXPECT_THAT(refusal_of("[content]\nallowed_origins = [\"https://a\", \"" + bad + "\"]\n"),
                testing::HasSubstr("\"" + bad + "\" is no origin"));
  }
  EXPECT_THAT(refusal_of("[upstream]\nurl = \"https://me:secret@hub.example\"\n"),
              testing::HasSubstr("without credentials"));
}

TEST_F(ConfigTest, ScrubIsAPeriodOrOff) {
  EXPECT_EQ(load_config("", {"HUBCACHE_STORAGE_SCRUB=7 d"}, {}).storage.scrub, 168h);
  EXPECT_EQ(load_config("", {"HUBCACHE_STORAGE_SCRUB=off"}, {}).storage.scrub, 0h);
}

TEST_F(ConfigTest, EachTableOfRulesIsARule) {
  const auto config = load_config(file(R"(
[[rules]]
name = "no pickles"
contact = "ml-team@example.org"
distributions = ["hf", "team"]
types = ["model", "space"]
repos = ["org/*"]
deny_files = ["*.bin", "*.pkl"]
[log]
level = "warn"
[[rules]]
name = "known makers"
allow_repos = ["google/*"]
deny_repos = ["google/x"]
allow_files = ["*.json"]
max_file_size = "20 GiB"
)"),
                                  {}, {});
  using List = std::vector<std::string>;
  ASSERT_EQ(config.rules.size(), 2u);
  const auto& first = config.rules[0];
  EXPECT_EQ(first.name, "no pickles");
  EXPECT_EQ(first.contact, "ml-team@example.org");
  EXPECT_EQ(first.distributions, (List{"hf", "team"}));
  EXPECT_EQ(first.types, (std::vector{hub::RepoType::kModel, hub::RepoType::kSpace}));
  EXPECT_EQ(first.repos, List{"org/*"});
  EXPECT_EQ(first.deny_files, (List{"*.bin", "*.pkl"}));
  EXPECT_EQ(first.max_file_size, 0u);
  const auto& second = config.rules[1];
  EXPECT_EQ(second.allow_repos, List{"google/*"});
  EXPECT_EQ(second.deny_repos, List{"google/x"});
  EXPECT_EQ(second.allow_files, List{"*.json"});
  EXPECT_EQ(second.max_file_size, 20ULL << 30U);
  const auto printed = print_config(config);
  EXPECT_EQ(load_config(file(printed), {}, {}).rule_values, config.rule_values) << printed;
}

TEST_F(ConfigTest, ARuleThatCannotBeMeantIsRefusedWithItsLine) {
  const std::string rule = "[[rules]]\nname = \"x\"\n";
  const auto expect = [&](const std::string& text, const std::string& said) {
    EXPECT_THAT(refusal_of(text), testing::HasSubstr(said));
  };
  expect(rule + "deny_repo = [\"a\"]\n", "hubcache.toml:3: rules.deny_repo: no such key");
  expect(rule + "deny_repos = \"a\"\n", "hubcache.toml:3: rules.deny_repos: a list");
  expect(rule + "deny_repos = [\"a[b\"]\n", "the pattern \"a[b\" has a \"[\"");
  expect(rule + "deny_files = [\"*\", \"\"]\n", "the pattern \"\" is empty");
  expect(rule + "types = [\"models\"]\n", "\"models\" is no type: allowed are model, dataset");
  expect(rule + "max_file_size = \"20 GBit\"\n", "rules.max_file_size: \"20 GBit\" is no size");
  expect(rule, "neither allows nor denies");
  expect("[[rules]]\ndeny_repos = [\"a\"]\n", "needs a name");
  const auto whole = rule + "deny_repos = [\"a\"]\n";
  expect(whole + whole, "hubcache.toml:4: rules.name");
  expect("[[rules]]\nname = \"a\\u00e9\"\ndeny_repos = [\"a\"]\n", "ASCII");
  expect("[rules]\nname = \"x\"\n", "[[rules]]");
}

TEST_F(ConfigTest, EveryDefaultInTheTableIsTheOneInForce) {
  const auto plain = load_config("", {}, {});
  std::vector<std::pair<std::string, std::string>> flags;
  for (const auto& key : keys()) flags.emplace_back(key.name, key.fallback);
  const auto spelled_out = load_config("", {}, flags);
  EXPECT_EQ(plain.server.listen, spelled_out.server.listen);
  EXPECT_EQ(plain.server.public_name.trusted_proxies,
            spelled_out.server.public_name.trusted_proxies);
  EXPECT_EQ(plain.server.shutdown_timeout, spelled_out.server.shutdown_timeout);
  EXPECT_EQ(plain.server.limits.max_header_bytes, spelled_out.server.limits.max_header_bytes);
  EXPECT_EQ(plain.server.limits.max_target_bytes, spelled_out.server.limits.max_target_bytes);
  EXPECT_EQ(plain.server.limits.max_body_bytes, spelled_out.server.limits.max_body_bytes);
  EXPECT_EQ(plain.server.limits.header_timeout, spelled_out.server.limits.header_timeout);
  EXPECT_EQ(plain.server.limits.idle_timeout, spelled_out.server.limits.idle_timeout);
  EXPECT_EQ(plain.server.limits.body_timeout, spelled_out.server.limits.body_timeout);
  EXPECT_EQ(plain.server.limits.write_timeout, spelled_out.server.limits.write_timeout);
  EXPECT_EQ(plain.server.limits.max_connections, spelled_out.server.limits.max_connections);
  EXPECT_EQ(plain.storage.max_size, spelled_out.storage.max_size);
  EXPECT_EQ(plain.storage.min_free, spelled_out.storage.min_free);
  EXPECT_EQ(plain.storage.max_metadata, spelled_out.storage.max_metadata);
  EXPECT_EQ(plain.storage.scrub, spelled_out.storage.scrub);
  EXPECT_EQ(plain.storage.scrub_rate, spelled_out.storage.scrub_rate);
  EXPECT_EQ(plain.upstream.url, spelled_out.upstream.url);
  EXPECT_EQ(plain.upstream.max_connections, spelled_out.upstream.max_connections);
  EXPECT_EQ(plain.cache, spelled_out.cache);
  EXPECT_EQ(plain.strict_integrity, spelled_out.strict_integrity);
  EXPECT_EQ(plain.xet, spelled_out.xet);
  EXPECT_EQ(plain.allowed_origins, spelled_out.allowed_origins);
  EXPECT_EQ(plain.masked_secrets, spelled_out.masked_secrets);
  EXPECT_EQ(plain.log.level, spelled_out.log.level);
  EXPECT_EQ(plain.log.format, spelled_out.log.format);
  EXPECT_EQ(plain.log.access_log, spelled_out.log.access_log);
}

TEST_F(ConfigTest, DataGoesToTheStateDirectoryOfAServiceElseToTheXdgDataDirectory) {
  using Environment = std::vector<std::string>;
  const auto data_dir = [](const Environment& environment) {
    return load_config("", environment, {}).storage.data_dir;
  };
  EXPECT_EQ(data_dir({"HOME=/home/a"}), "/home/a/.local/share/hubcache");
  EXPECT_EQ(data_dir({"HOME=/home/a", "XDG_DATA_HOME=/d"}), "/d/hubcache");
  EXPECT_EQ(data_dir({"HOME=/home/a", "STATE_DIRECTORY=/var/lib/hubcache"}), "/var/lib/hubcache");
  EXPECT_EQ(data_dir({"HOME=/home/a", "HUBCACHE_STORAGE_DATA_DIR=/e"}), "/e");
}

TEST_F(ConfigTest, TheFileOfAServiceIsOptional) {
  const std::vector<std::string> service{"CONFIGURATION_DIRECTORY=" + folder.path().string()};
  EXPECT_EQ(usual_config_file({}), "");
  EXPECT_EQ(usual_config_file(service), "");
  const auto path = file("");
  EXPECT_EQ(usual_config_file(service), path);
}

TEST_F(ConfigTest, Rule23ThePasswordIsPrintedAsSet) {
  const auto config = load_config("", {"HUBCACHE_ADMIN_PASSWORD=hunter2"}, {});
  EXPECT_EQ(config.admin_password, "hunter2");
  EXPECT_THAT(print_config(config), testing::Not(testing::HasSubstr("hunter2")));
  EXPECT_THAT(print_config(config), testing::HasSubstr("(set)"));
}

TEST_F(ConfigTest, ThePasswordMayBeASystemdCredentialAndTheEnvironmentGoesBeforeIt) {
  std::ofstream(folder.path() / "hubcache.admin-password") << "from-systemd\n";
  const auto directory = "CREDENTIALS_DIRECTORY=" + folder.path().string();
  EXPECT_EQ(load_config("", {directory}, {}).admin_password, "from-systemd");
  EXPECT_EQ(load_config("", {directory, "HUBCACHE_ADMIN_PASSWORD=mine"}, {}).admin_password,
            "mine");
}

TEST_F(ConfigTest, WhatCommandsAreToldByTheEnvironmentIsNoneOfAServersSettings) {
  const auto config =
      load_config("", {"HUBCACHE_SERVER=https://a", "HUBCACHE_LOGIN=admin:hunter2"}, {});
  EXPECT_THAT(print_config(config), testing::Not(testing::HasSubstr("hunter2")));
  EXPECT_EQ(test::kind_thrown_by([] { load_config("", {"HUBCACHE_SERVERS=https://a"}, {}); }),
            Error::Kind::kBadRequest);
}

TEST_F(ConfigTest, Rule23TheKeyOfSecretsMayBeASystemdCredential) {
  const auto directory = "CREDENTIALS_DIRECTORY=" + folder.path().string();
  const auto key = folder.path() / "hubcache.secrets-key";
  EXPECT_EQ(load_config("", {directory}, {}).storage.key_file, "");
  std::ofstream(key) << "\n";  // the unit's default: there is none
  EXPECT_EQ(load_config("", {directory}, {}).storage.key_file, "");
  std::ofstream(key) << "ab12\n";
  EXPECT_EQ(load_config("", {directory}, {}).storage.key_file, key.string());
  EXPECT_EQ(load_config("", {directory, "HUBCACHE_STORAGE_KEY_FILE=/k"}, {}).storage.key_file,
            "/k");
}

TEST_F(ConfigTest, WhatIsPrintedCanBeReadAgain) {
  auto config = load_config("", {},
                            {{"server.listen", "127.0.0.1:1,[::1]:2"},
                             {"storage.data_dir", "/a \"b\"\\c\n"},
                             {"log.level", "debug"}});
  const auto again = load_config(file(print_config(config)), {}, {});
  EXPECT_EQ(again.server.listen, config.server.listen);
  EXPECT_EQ(again.storage.data_dir, config.storage.data_dir);
  EXPECT_EQ(again.log.level, config.log.level);
}

TEST_F(ConfigTest, WhatIsPrintedSaysWhereEachValueCameFrom) {
  const auto printed = print_config(
      load_config(file("[log]\nformat = \"json\"\n"), {"HUBCACHE_SERVER_WORKERS=2"}, {}));
  EXPECT_THAT(printed, testing::HasSubstr("format = \"json\"  # file\n"));
  EXPECT_THAT(printed, testing::HasSubstr("workers = 2  # environment\n"));
  EXPECT_THAT(printed, testing::HasSubstr("access = true  # default\n"));
}

std::string text_of(const std::string& path) {
  std::ifstream stream(std::string(SOURCE_DIR) + "/" + path);
  std::stringstream text;
  text << stream.rdbuf();
  return text.str();
}

TEST_F(ConfigTest, TheSampleFileIsTheTable) {
  EXPECT_EQ(text_of("config/hubcache.toml"), sample_config())
      << "run: hubcache config --sample > config/hubcache.toml";
}

TEST_F(ConfigTest, TheSampleFileIsGoodWithEveryKeyPutInForce) {
  auto sample = sample_config();
  for (auto at = sample.find("\n#"); at != std::string::npos; at = sample.find("\n#", at + 1)) {
    if (sample[at + 2] != ' ') sample.erase(at + 1, 1);
  }
  const auto config = load_config(file(sample), {}, {});
  EXPECT_EQ(config.origins.size(), keys().size());
  EXPECT_EQ(config.rule_values.at(0).size(), rule_keys().size());
}

TEST_F(ConfigTest, TheReferencePageIsTheTable) {
  EXPECT_EQ(text_of("docs/configuration.md"), reference_page())
      << "run: hubcache config --reference > docs/configuration.md";
}

}  // namespace
}  // namespace hubcache::app
