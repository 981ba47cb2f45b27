// Rules of the operator's on what may not be read (docs/operations.md), SECURITY rule 9.
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include "integration/xet_fixture.h"

namespace hubcache::test {
namespace {

using hubsim::Content;
using hubsim::Host;
using hubsim::Storage;
using registry::Rule;
using testing::HasSubstr;

constexpr std::uint64_t kSize = 2 << 20;
const std::string kAnyRefs = "0014command=ls-refs\n00010009peel\n0000";
const std::string kOld = "org/old-name";  // two names of one repo
const std::string kNew = "org/new-name";
const std::string kFile = "big-Q8_0.gguf";

class RulesTest : public XetTest {
 protected:
  RulesTest() {
    config.log.level = obs::Level::kOff;
    hub.add_file(kNew, kFile, Content::generated(kSize, 9), Storage::kLfs);
  }

  void in_force(std::vector<Rule> rules) {
    config.rules = std::move(rules);
    reload();
  }

  struct Ask {
    std::string method;
    std::string path;
    std::string body{};
  };
  /// Every way to ask for something of the repo called so; those first that name a file of it.
  std::vector<Ask> doors(const std::string& name) {
    const auto commit = hub.sha(kNew);
    const auto digest = hub.etag(kNew, kFile);
    const auto api = "/api/models/" + name;
    const Json batch{{"operation", "download"}, {"objects", {{{"oid", digest}, {"size", kSize}}}}};
    return {
        {"GET", "/" + name + "/resolve/main/" + kFile},
        {"HEAD", "/" + name + "/resolve/main/" + kFile},
        {"GET", "/" + name + "/raw/main/" + kFile},
        {"GET", "/api/resolve-cache/models/" + name + "/" + commit + "/" + kFile},
        {"GET", "/" + name + ".git/info/lfs/objects/" + digest + "/" + std::to_string(kSize)},
        {"GET", "/v2/" + name + "/blobs/sha256:" + digest},
        {"GET", "/" + name + "/info/refs?service=git-upload-pack"},
        {"POST", "/" + name + "/git-upload-pack", kAnyRefs},
        {"POST", "/" + name + ".git/info/lfs/objects/batch", batch.dump()},
        {"GET", api + "/discussions"},
        {"GET", api},
        {"GET", api + "/revision/main"},
        {"GET", api + "/tree/main"},
        {"POST", api + "/paths-info/main", R"({"paths": ["big-Q8_0.gguf"]})"},
        {"GET", api + "/refs"},
        {"GET", api + "/commits/main"},
        {"GET", api + "/auth-check"},
        {"GET", api + "/xet-read-token/" + commit},
        {"GET", "/v2/" + name + "/manifests/latest"},
    };
  }
  static constexpr std::size_t kMayShowAnyFile = 10;  // so many doors, from the first on

  Answer ask(const Ask& what, std::string_view base = "/pulp/content/hf") {
    Fields fields{{"Git-Protocol", "version=2"}};
    if (what.body.starts_with('{')) fields.emplace_back("Content-Type", "application/json");
    return fetch(port, std::string(base) + what.path, fields, what.method, what.body);
  }
  void expect_refused(const Answer& answer, std::string_view rule) {
    EXPECT_EQ(answer.status, 403);
    EXPECT_THAT(answer.header("x-error-message"),
                HasSubstr("The rule \"" + std::string(rule) + "\" of this hubcache forbids"));
    EXPECT_EQ(answer.header("www-authenticate"), "");
  }
  /// Refused everywhere, by the prefix and at the origin's root, without a question to the Hub.
  void expect_closed(const std::string& name, std::string_view rule) {
    hub.clear_log();
    for (const auto& door : doors(name)) {
      SCOPED_TRACE(door.method + " " + door.path);
      expect_refused(ask(door), rule);
      expect_refused(ask(door, ""), rule);
    }
    EXPECT_EQ(hub_requests(), 0u);
  }
};

TEST_F(RulesTest, SecurityRule9RulesHoldForTheRequestedNameOnEveryRoute) {
  for (const auto& door : doors(kOld)) {
    ASSERT_NE(ask(door).status, 403) << door.path;  // what can be cached is
  }
  in_force({{.name = "no old names", .deny_repos = {"ORG/old-*"}}});
  expect_closed(kOld, "no old names");
  EXPECT_EQ(get("/" + kNew + "/resolve/main/" + kFile).status, 200);
  in_force({{.name = "known makers", .allow_repos = {"google/*", "org/new-*"}}});
  expect_closed(kOld, "known makers");
  restart();  // what is kept is of the repo that it was kept for
  for (const auto& door : doors(kNew)) EXPECT_NE(ask(door).status, 403) << door.path;
}

TEST_F(RulesTest, SecurityRule9RulesHoldForTheCanonicalNameOnEveryRoute) {
  for (const bool cached : {false, true}) {
    SCOPED_TRACE(cached);
    in_force({{.name = "nothing new", .deny_repos = {kNew}}});
    for (const auto& door : doors(kOld)) {
      SCOPED_TRACE(door.method + " " + door.path);
      expect_refused(ask(door), "nothing new");
    }
    for (const auto& door : doors("Org/NEW-name")) {
      SCOPED_TRACE(door.method + " " + door.path);
      expect_refused(ask(door), "nothing new");
    }
    EXPECT_EQ(hub.count(Host::kCdn), cached ? 1u : 0u);
    in_force({});
    EXPECT_EQ(get("/" + kOld + "/resolve/main/" + kFile).status, 200);
  }
}

TEST_F(RulesTest, SecurityRule9RulesHoldForWhatXetClientsStillHaveTokensFor) {
  const auto held = token(kNew);
  const auto id = hub.xet_hash(kNew, kFile);
  const auto before = reconstruct(held, id);
  const auto xorb = xorbs_of(before).at(0);
  ASSERT_EQ(get_xorb(xorb).status, 206);
  const std::vector<Rule> rules{{.name = "repo", .deny_repos = {kNew}},
                                {.name = "name", .deny_files = {"*.gguf"}},
                                {.name = "size", .max_file_size = kSize - 1}};
  for (const auto& rule : rules) {
    in_force({rule});
    expect_refused(reconstruct(held, id), rule.name);
    expect_refused(get_xorb(xorb), rule.name);
  }
  in_force({{.name = "size", .max_file_size = kSize}});
  EXPECT_EQ(reconstruct(held, id).status, 200);
  EXPECT_EQ(get_xorb(xorb).status, 206);
}

TEST_F(RulesTest, ARuleAboutNamesOfFilesRefusesWhatMayShowAnyFileAndListsThemStill) {
  ASSERT_EQ(get("/" + kNew + "/resolve/main/" + kFile).status, 200);
  for (const Rule& rule : {Rule{.name = "no gguf", .deny_files = {"*.GGUF"}},
                           Rule{.name = "json only", .allow_files = {"*.json"}}}) {
    in_force({rule});
    auto all = doors(kNew);
    for (std::size_t i = 0; i < all.size(); ++i) {
      SCOPED_TRACE(all[i].method + " " + all[i].path);
      const auto answer = ask(all[i]);
      if (i < kMayShowAnyFile) {
        expect_refused(answer, rule.name);
      } else {
        EXPECT_NE(answer.status, 403);
      }
    }
    EXPECT_THAT(get("/api/models/" + kNew + "/tree/main").body, HasSubstr(kFile));
    EXPECT_EQ(get("/" + kNew + "/resolve/main/config.json").status, 200);
  }
}

TEST_F(RulesTest, AFileThatIsTooLargeIsRefusedByEveryDoorThatBringsIt) {
  const std::vector<Rule> rules{{.name = "small", .max_file_size = kSize - 1}};
  for (const bool cached : {false, true}) {
    in_force(rules);
    auto all = doors(kNew);
    constexpr std::size_t kOfOneFile = 6;
    for (std::size_t i = 0; i < kOfOneFile; ++i) {
      SCOPED_TRACE(all[i].method + " " + all[i].path);
      const auto answer = ask(all[i]);
      expect_refused(answer, "small");
    }
    EXPECT_EQ(get("/" + kNew + "/resolve/main/config.json").status, 200);
    EXPECT_EQ(hub.count(Host::kCdn), cached ? 1u : 0u);
    in_force({{.name = "large", .max_file_size = kSize}});
    EXPECT_EQ(get("/" + kNew + "/resolve/main/" + kFile).status, 200);
  }
}

TEST_F(RulesTest, ARuleIsForSomeDistributionsAndTypes) {
  in_force({{.name = "elsewhere", .distributions = {"other"}, .deny_repos = {"*"}},
            {.name = "no data", .types = {hub::RepoType::kDataset}, .deny_repos = {"*"}}});
  EXPECT_EQ(get(kConfig).status, 200);
  const auto dataset = get("/datasets/org/dataset/resolve/main/README.md");
  expect_refused(dataset, "no data");
  in_force({{.name = "here", .distributions = {"other", "hf"}, .deny_repos = {"*"}}});
  expect_refused(get(kConfig), "here");
}

// Git would ask for one, and git-lfs too.
TEST_F(RulesTest, GitIsNotAskedForAPasswordThatWouldNotHelp) {
  in_force({{.name = "closed", .contact = "ml@example.org", .deny_repos = {"*"}}});
  const auto refs = get("/" + kNew + "/info/refs?service=git-upload-pack");
  expect_refused(refs, "closed");
  EXPECT_THAT(refs.body, HasSubstr("Ask ml@example.org."));
}

TEST_F(RulesTest, WhatHubClientsReadIsInHeadersOnHeadToo) {
  in_force({{.name = "closed", .contact = "ml@example.org", .deny_repos = {"*"}}});
  const auto answer = head(kConfig);
  EXPECT_EQ(answer.header("x-error-code"), "GatedRepo");
  EXPECT_EQ(answer.header("x-error-message"),
            "The rule \"closed\" of this hubcache forbids reading the model org/model. "
            "Ask ml@example.org.");
}

// A hub may have two repos whose names differ in case alone: only it can tell.
TEST_F(RulesTest, SecurityRule9CaseIsNeverFoldedHere) {
  ASSERT_EQ(get(kConfig).status, 200);
  hub.set_fault({.kind = hubsim::Fault::Kind::kStatus,
                 .match = "/Org/Model",
                 .status = 404,
                 .headers = {{"X-Error-Code", "RepoNotFound"}}});
  EXPECT_EQ(get("/Org/Model/resolve/main/config.json").status, 404);
  EXPECT_EQ(get(kConfig).status, 200);
  in_force({{.name = "ours", .allow_repos = {"org/*"}}});
  EXPECT_EQ(get(kConfig).status, 200);
  expect_refused(get("/Org/Model/resolve/main/config.json"), "ours");
}

}  // namespace
}  // namespace hubcache::test
