#include "hubcache/app/fetch_run.h"

#include <algorithm>
#include <atomic>
#include <functional>
#include <map>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include "hubcache/base/error.h"

namespace hubcache::app {
namespace {

using Json = nlohmann::json;
using testing::HasSubstr;
using testing::UnorderedElementsAre;

/// Remembers what it was told.
class Told final : public FetchReport {
 public:
  void planned(const PlannedRepo& repo) override { repos.push_back(repo); }
  void file(const PlannedRepo& /*repo*/, const PlannedFile& file, Outcome outcome,
            const Error* error) override {
    files[file.path] = outcome;
    if (error != nullptr) failures.emplace_back(error->what());
  }
  void failed(const std::string& /*what*/, const Error& error) override {
    failures.emplace_back(error.what());
  }
  void progress(const std::vector<Bar>& /*bars*/, const FetchTotals& /*totals*/) override {}
  void end(const FetchTotals& totals) override { last = totals; }

  std::vector<PlannedRepo> repos;
  std::map<std::string, Outcome> files;
  std::vector<std::string> failures;
  FetchTotals last;
};

/// Answers the orders of a run.
class FetchRunTest : public testing::Test {
 protected:
  static Json file(const std::string& path, std::uint64_t size, bool stored = false) {
    return {{"path", path}, {"digest", "sha256:" + path}, {"size", size}, {"stored", stored}};
  }

  int run(FetchRun::Options options = {}, FileFilter filter = {{}, {}},
          const std::vector<std::string>& repos = {"org/name"}) {
    std::vector<FetchTarget> targets;
    for (const auto& repo : repos) targets.push_back(fetch_target(repo));
    const auto order = [this](const Json& command, const std::stop_token& stop) {
      return answer(command, stop);
    };
    FetchRun fetch(order, std::move(options), std::move(targets), std::move(filter), told);
    return fetch.run(interrupts);
  }

  Json answer(const Json& command, const std::stop_token& stop) {
    const auto verb = command.at("do").get<std::string>();
    if (verb == "fetch.present") {
      if (present) return present(command, stop);
      return {{"present", Json::array_t(command.at("digests").size(), Json())}};
    }
    if (verb == "fetch.plan") {
      if (plan_failure) throw *plan_failure;
      return {
          {"repo", command.at("repo")}, {"commit", "c0"}, {"max_size", max_size}, {"files", files}};
    }
    const auto path = command.at("path").get<std::string>();
    const std::lock_guard lock(mutex);
    EXPECT_EQ(command.at("revision"), "c0");
    ordered.push_back(command);
    if (wait_for_stop) {
      if (signal_at_once) ::kill(::getpid(), SIGINT);
      while (!stop.stop_requested()) std::this_thread::yield();
      throw Error(Error::Kind::kCancelled, "interrupted");
    }
    if (auto found = failures.find(path); found != failures.end() && !found->second.empty()) {
      const auto failure = found->second.back();
      found->second.pop_back();
      throw Error(failure, "no " + path);
    }
    return Json::object();
  }

  Interrupts interrupts;
  Told told;
  Json files = Json::array();
  std::uint64_t max_size = 0;
  std::optional<Error> plan_failure;
  std::map<std::string, std::vector<Error::Kind>> failures;  // by path, the last one first
  bool wait_for_stop = false;
  bool signal_at_once = true;
  std::function<Json(const Json& command, const std::stop_token& stop)> present;
  std::mutex mutex;
  std::vector<Json> ordered;
};

TEST_F(FetchRunTest, EveryFileIsOrderedOnceAndWhatWasHereIsToldApart) {
  files = {file("a", 10), file("b", 20, true), file("c", 0, true), file("d", 5)};
  EXPECT_EQ(run({.token = "hf_t"}), 0);
  EXPECT_EQ(ordered.size(), 4U);
  EXPECT_TRUE(std::ranges::all_of(
      ordered, [](const Json& o) { return o.at("pin") == true && o.at("token") == "hf_t"; }));
  EXPECT_EQ(told.files.at("a"), Outcome::kFetched);
  EXPECT_EQ(told.files.at("b"), Outcome::kStored);
  EXPECT_EQ(told.last.files, 4U);
  EXPECT_EQ(told.last.files_done, 4U);
  EXPECT_EQ(told.last.bytes, 35U);
  EXPECT_EQ(told.last.bytes_done, 35U);
  EXPECT_EQ(told.last.fetched_bytes, 15U);
  EXPECT_EQ(told.last.stored_bytes, 20U);
}

TEST_F(FetchRunTest, TwoFilesOfOneContentCountOnce) {
  files = {file("a", 10), file("b", 10)};
  files[1]["digest"] = files[0]["digest"];
  EXPECT_EQ(run({.jobs = 1}), 0);
  EXPECT_EQ(told.last.bytes, 10U);
  EXPECT_EQ(told.last.bytes_done, 10U);
  EXPECT_EQ(ordered.size(), 2U);
}

TEST_F(FetchRunTest, ADryRunOrdersNothing) {
  files = {file("a", 10), file("b", 20, true)};
  EXPECT_EQ(run({.dry_run = true}), 0);
  EXPECT_TRUE(ordered.empty());
  EXPECT_EQ(told.files.at("a"), Outcome::kMissing);
  EXPECT_EQ(told.files.at("b"), Outcome::kStored);
}

TEST_F(FetchRunTest, OnlyFilesThatAreMeantAreOrderedAndUnpinnedOnesIfSo) {
  files = {file("a.bin", 10), file("a.txt", 20), file("b.bin", 20)};
  EXPECT_EQ(run({.pin = false}, {{"*.bin"}, {"b*"}}), 0);
  ASSERT_EQ(ordered.size(), 1U);
  EXPECT_EQ(ordered[0].at("path"), "a.bin");
  EXPECT_EQ(ordered[0].at("pin"), false);
  EXPECT_EQ(run({}, {{"*.gguf"}, {}}), kRefused);
  EXPECT_THAT(told.failures, testing::ElementsAre(HasSubstr("none of its 3 files")));
}

TEST_F(FetchRunTest, TroubleOfTheHubIsTriedAgainAndOneFileDoesNotStopTheOthers) {
  files = {file("a", 10), file("b", 20), file("c", 30)};
  failures["a"] = {Error::Kind::kUpstream};  // once
  failures["b"] = {Error::Kind::kForbidden};
  EXPECT_EQ(run(), kRefused);
  EXPECT_EQ(told.files.at("a"), Outcome::kFetched);
  EXPECT_EQ(told.files.at("b"), Outcome::kFailed);
  EXPECT_EQ(told.files.at("c"), Outcome::kFetched);
  EXPECT_EQ(told.last.failed_files, 1U);
  EXPECT_THAT(told.failures, testing::ElementsAre("no b"));
}

TEST_F(FetchRunTest, ExitCodesTellWhatFailed) {
  const auto code_of = [this](Error::Kind kind) {
    plan_failure = Error(kind, "no");
    return run();
  };
  EXPECT_EQ(code_of(Error::Kind::kUnauthorized), kRefused);
  EXPECT_EQ(code_of(Error::Kind::kNotFound), kRefused);
  EXPECT_EQ(code_of(Error::Kind::kUpstream), kUnreachable);
  EXPECT_EQ(code_of(Error::Kind::kUnavailable), kUnreachable);
  EXPECT_EQ(code_of(Error::Kind::kNoSpace), kFailed);
  plan_failure.reset();
  files = {file("a", 1), file("b", 1)};
  failures["a"] = {Error::Kind::kNotFound};
  failures["b"] = {Error::Kind::kNoSpace};
  EXPECT_EQ(run(), kFailed);
}

TEST_F(FetchRunTest, WhatTheCacheCannotHaveIsNotBegun) {
  files = {file("a", 60), file("b", 60)};
  max_size = 100;
  EXPECT_EQ(run(), kFailed);
  EXPECT_TRUE(ordered.empty());
  EXPECT_THAT(told.failures, testing::ElementsAre(HasSubstr("max_size")));
}

TEST_F(FetchRunTest, AServerThatEndsEndsTheRun) {
  files = Json::array();
  for (int i = 0; i < 100; ++i) files.push_back(file("f" + std::to_string(i), 1));
  for (int i = 0; i < 100; ++i) failures["f" + std::to_string(i)] = {Error::Kind::kUnavailable};
  EXPECT_EQ(run({.jobs = 2}), kUnreachable);
  EXPECT_LE(ordered.size(), 3U);
}

TEST_F(FetchRunTest, ASignalEndsTheRunAndSaysSo) {
  files = {file("a", 10), file("b", 20)};
  wait_for_stop = true;
  EXPECT_EQ(run({.jobs = 1}), kInterrupted);
  EXPECT_TRUE(told.last.interrupted);
  EXPECT_EQ(ordered.size(), 1U);
  EXPECT_TRUE(told.failures.empty());
}

TEST_F(FetchRunTest, ASignalEndsTheRunWhenNobodySaysHowFarItIs) {
  files = Json::array({file("a", 10)});
  wait_for_stop = true;
  signal_at_once = false;
  present = [](const Json&, const std::stop_token& stop) -> Json {
    EXPECT_TRUE(stop.stop_possible());
    ::kill(::getpid(), SIGINT);
    while (stop.stop_possible() && !stop.stop_requested()) std::this_thread::yield();
    throw Error(Error::Kind::kCancelled, "interrupted");
  };
  EXPECT_EQ(run({.jobs = 1}), kInterrupted);
}

TEST_F(FetchRunTest, WhatAFileMovedCountsWhenItIsInterrupted) {
  files = Json::array({file("a", 1000)});
  wait_for_stop = true;
  signal_at_once = false;
  int asked = 0;
  present = [&asked](const Json&, const std::stop_token&) -> Json {
    if (++asked == 4) ::kill(::getpid(), SIGINT);
    return {{"present", Json::array({asked * 100})}};
  };
  EXPECT_EQ(run({.jobs = 1}), kInterrupted);
  ASSERT_TRUE(told.last.rate);
  EXPECT_GT(*told.last.rate, 0);
  EXPECT_LE(*told.last.rate, 10'000);
}

TEST_F(FetchRunTest, WhatAnotherCancelledHasFailed) {
  files = {file("a", 10), file("b", 10)};
  failures["a"] = {Error::Kind::kCancelled, Error::Kind::kCancelled, Error::Kind::kCancelled};
  EXPECT_EQ(run({.jobs = 1}), kUnreachable);
  EXPECT_EQ(told.files.at("a"), Outcome::kFailed);
  EXPECT_EQ(told.files.at("b"), Outcome::kFetched);
  plan_failure = Error(Error::Kind::kCancelled, "no");
  EXPECT_EQ(run(), kUnreachable);
}

}  // namespace
}  // namespace hubcache::app
