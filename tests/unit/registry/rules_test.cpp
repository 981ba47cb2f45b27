#include "hubcache/registry/rules.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "hubcache/base/error.h"

namespace hubcache::registry {
namespace {

hub::RepoId model(std::string name) {
  return {.type = hub::RepoType::kModel, .name = std::move(name)};
}

hub::FileRef file_of(std::string repo, std::string path) {
  return {.repo = model(std::move(repo)), .revision = "main", .path = std::move(path)};
}

RulesOf under(Rule rule, std::string distribution = "hf") {
  rule.name = "mine";
  return {std::make_shared<const Rules>(Rules{std::move(rule)}), std::move(distribution), 1};
}

bool lets_read(const RulesOf& rules, const hub::RepoId& repo) {
  try {
    rules.require_repo(repo);
  } catch (const Error&) {
    return false;
  }
  return true;
}

bool lets_read_all(const RulesOf& rules, const hub::RepoId& repo) {
  try {
    rules.require_all_files(repo);
  } catch (const Error&) {
    return false;
  }
  return true;
}

TEST(Rules, WithoutRulesEverythingMayBeRead) {
  EXPECT_TRUE(lets_read({}, model("org/name")));
  EXPECT_TRUE(lets_read_all({}, model("org/name")));
  EXPECT_TRUE(RulesOf().admits(file_of("org/name", "x.bin"), 1));
}

TEST(Rules, ReposAreDeniedInAnyCaseAndAllowedAsTheyAreSpelled) {
  const auto denying = under({.deny_repos = {"Evil/*"}});
  EXPECT_FALSE(lets_read(denying, model("Evil/x")));
  EXPECT_FALSE(lets_read(denying, model("evil/X")));
  EXPECT_TRUE(lets_read(denying, model("good/x")));
  const auto allowing = under({.allow_repos = {"good/*"}, .deny_repos = {"good/secret"}});
  EXPECT_TRUE(lets_read(allowing, model("good/x")));
  EXPECT_FALSE(lets_read(allowing, model("Good/x")));
  EXPECT_FALSE(lets_read(allowing, model("gpt2")));
  EXPECT_FALSE(lets_read(allowing, model("good/secret")));
}

TEST(Rules, FilesByNameAndSize) {
  const auto rules =
      under({.allow_files = {"*.json", "*.bin"}, .deny_files = {"x/*.bin"}, .max_file_size = 10});
  EXPECT_TRUE(rules.admits(file_of("a/b", "config.json"), 10));
  EXPECT_FALSE(rules.admits(file_of("a/b", "config.json"), 11));
  EXPECT_FALSE(rules.admits(file_of("a/b", "config.JSON"), 1));
  EXPECT_FALSE(rules.admits(file_of("a/b", "X/model.BIN"), 1));
  EXPECT_TRUE(rules.admits(file_of("a/b", "y/model.bin"), 1));
  EXPECT_NO_THROW(rules.require_file(file_of("a/b", "config.json")));
  EXPECT_TRUE(lets_read(rules, model("a/b")));
  EXPECT_FALSE(under({.deny_repos = {"a/*"}}).admits(file_of("a/b", "config.json"), 1));
}

TEST(Rules, WhatHidesTheNamesOfFilesIsRefusedByRulesAboutThemOnly) {
  auto by_digest = file_of("a/b", "sha256:00");
  by_digest.door = hub::Door::kRegistry;
  const auto by_name = under({.deny_files = {"*.bin"}});
  EXPECT_FALSE(by_name.admits(by_digest, 1));
  EXPECT_FALSE(lets_read_all(by_name, model("a/b")));
  EXPECT_FALSE(lets_read_all(under({.allow_files = {"*"}}), model("a/b")));
  const auto by_size = under({.max_file_size = 10});
  EXPECT_TRUE(by_size.admits(by_digest, 10));
  EXPECT_FALSE(by_size.admits(by_digest, 11));
  EXPECT_TRUE(lets_read_all(by_size, model("a/b")));
  EXPECT_FALSE(lets_read_all(under({.deny_repos = {"a/*"}}), model("a/b")));
}

TEST(Rules, ARuleIsAboutSomeReposOfSomeDistributions) {
  const Rule rule{.distributions = {"team"},
                  .types = {hub::RepoType::kDataset},
                  .repos = {"org/*"},
                  .deny_repos = {"*"}};
  const hub::RepoId dataset{.type = hub::RepoType::kDataset, .name = "Org/x"};
  EXPECT_FALSE(lets_read(under(rule, "team"), dataset));
  EXPECT_TRUE(lets_read(under(rule, "hf"), dataset));
  EXPECT_TRUE(lets_read(under(rule, "team"), model("org/x")));
  EXPECT_TRUE(lets_read(under(rule, "team"), {.type = hub::RepoType::kDataset, .name = "b/x"}));
}

TEST(Rules, EachOfThemHasToLetPass) {
  const RulesOf rules(
      std::make_shared<const Rules>(Rules{{.name = "one", .allow_repos = {"a/*", "b/*"}},
                                          {.name = "two", .deny_repos = {"b/*"}}}),
      "hf", 1);
  EXPECT_TRUE(lets_read(rules, model("a/x")));
  EXPECT_FALSE(lets_read(rules, model("b/x")));
  EXPECT_FALSE(lets_read(rules, model("c/x")));
}

TEST(Rules, ARefusalSaysWhichRuleItIsAndWhomToAsk) {
  const auto rules = under({.contact = "ml@example.org", .deny_repos = {"a/*"}});
  try {
    rules.require_repo(model("a/b"));
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), Error::Kind::kForbidden);
    EXPECT_EQ(error.hub().status, 403);
    EXPECT_EQ(error.hub().code, "GatedRepo");
    EXPECT_EQ(error.hub().message,
              "The rule \"mine\" of this hubcache forbids reading the model a/b. "
              "Ask ml@example.org.");
    EXPECT_EQ(error.hub().message, error.what());
  }
}

}  // namespace
}  // namespace hubcache::registry
