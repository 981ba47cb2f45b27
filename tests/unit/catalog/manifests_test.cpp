#include "hubcache/catalog/manifests.h"

#include "hubcache/catalog/catalog.h"

#include "unit/catalog/fixture.h"

namespace hubcache::catalog {
namespace {

using namespace std::chrono_literals;
using hubsim::Fault;

class ManifestsTest : public test::KnowledgeFixture {
 protected:
  ManifestsTest() : KnowledgeFixture({catalog_migrations(), document_migrations()}) {}
  ~ManifestsTest() override { runner.stop(); }  // walks may still be under way

  Manifests::Wanted wanted(const std::string& repo, hub::Credential who = anonymous(),
                           std::string_view kind = "public") {
    return {.request = {.endpoint = endpoint(),
                        .credential = std::move(who),
                        .repo = model(repo),
                        .query = {.repo = model(repo)},
                        .kind = kind,
                        .at_commit = true},
            .commit = sim.sha(repo)};
  }
  void walk(const std::string& repo) { runner.run(manifests.walk(wanted(repo), *flights)); }

  bool complete(const std::string& repo) {
    const auto key = commit_key(*endpoint(), model(repo), sim.sha(repo));
    return database->read_now([key](db::Connection& sql) {
      return sql.query("SELECT 1 FROM manifests WHERE key = ?1", key).step();
    });
  }
  std::size_t rows() {
    return database->read_now([](db::Connection& sql) {
      auto count = sql.query("SELECT count(*) FROM entries");
      count.step();
      return static_cast<std::size_t>(count.integer(0));
    });
  }
  void set_pages(std::size_t size) {
    auto behaviour = sim.behaviour();
    behaviour.tree_page = size;
    sim.set_behaviour(behaviour);
  }
  /// A walk that goes on by itself is over when no new one begins.
  void await_complete(const std::string& repo) {
    while (!complete(repo)) settle();
  }

  Documents documents{runner.workers(), *database, {}, time};
  Manifests manifests{runner.workers(),
                      *database,
                      documents,
                      {.patience = 60s, .max_pages_unlisted = 4},
                      time,
                      log};
};

TEST_F(ManifestsTest, AWalkFindsEveryFileOfTheCommit) {
  walk("org/model");
  EXPECT_TRUE(complete("org/model"));
  EXPECT_EQ(rows(), 8U);
  EXPECT_EQ(asked(), 1U);
}

TEST_F(ManifestsTest, ManyWhoAskCauseOneWalk) {
  sim.set_fault({.kind = Fault::Kind::kDelay, .match = "/tree/", .delay = 20ms});
  for (int i = 0; i < 4; ++i) walk("org/model");
  EXPECT_EQ(asked("GET", "/tree/"), 1U);
}

TEST_F(ManifestsTest, PagesAreFollowedToTheLast) {
  set_pages(3);
  walk("org/model");  // returns after the first page
  await_complete("org/model");
  EXPECT_EQ(rows(), 8U);
}

TEST_F(ManifestsTest, SecurityRule13AMissingPageLeavesNoManifest) {
  set_pages(3);
  sim.set_fault({.kind = Fault::Kind::kStatus, .match = "cursor=", .status = 403});
  walk("org/model");
  settle();
  EXPECT_FALSE(complete("org/model"));
}

TEST_F(ManifestsTest, SecurityRule13AMaskedTreeIsNoManifest) {
  walk("org/gated");
  EXPECT_FALSE(complete("org/gated"));
  runner.run(manifests.walk(wanted("org/private", caller("hf_good"), "granted"), *flights));
  EXPECT_TRUE(complete("org/private"));
}

TEST_F(ManifestsTest, SecurityRule15ALoopOfPagesEnds) {
  const std::string self = "<" + sim.url() + "/api/models/org/model/tree/" + sim.sha("org/model") +
                           "?recursive=true&expand=false>; rel=\"next\"";
  sim.set_fault({.kind = Fault::Kind::kHeader, .match = "/tree/", .headers = {{"Link", self}}});
  walk("org/model");
  settle();
  EXPECT_FALSE(complete("org/model"));
  EXPECT_EQ(asked("GET", "/tree/"), 1U);
}

TEST_F(ManifestsTest, SecurityRule15MorePagesThanAreReasonableAreNotRead) {
  set_pages(1);
  walk("org/model");
  while (asked("GET", "/tree/") < 4) settle();
  walk("org/model");
  settle();
  EXPECT_FALSE(complete("org/model"));
  EXPECT_EQ(asked("GET", "/tree/"), 4U);
}

TEST_F(ManifestsTest, SecurityRule15ATreeThatIsTooLargeIsReadNoFurther) {
  set_pages(1);
  Manifests small{runner.workers(), *database, documents, {.max_bytes = 700}, time, log};
  const auto error = test::error_of([&] { runner.run(small.read(wanted("org/model"), *flights)); });
  EXPECT_EQ(error.kind(), Error::Kind::kNoSpace);
  EXPECT_FALSE(complete("org/model"));
  EXPECT_GT(rows(), 0U);
  EXPECT_LT(rows(), 8U);
  EXPECT_LE(asked("GET", "/tree/"), rows() + 1);
}

TEST_F(ManifestsTest, SecurityRule15ATreeThatIsTooLargeIsNotTriedAgain) {
  Documents forgetful{runner.workers(), *database, {.remembered_size = 0}, time};
  Manifests small{
      runner.workers(), *database, forgetful, {.patience = 60s, .max_bytes = 700}, time, log};
  for (int i = 0; i < 2; ++i) {
    runner.run(small.walk(wanted("org/model"), *flights));
    database->write_now([](db::Connection& sql) { sql.run("DELETE FROM documents"); });
    time.advance(24h);
  }
  EXPECT_EQ(rows(), 0U);
  EXPECT_EQ(asked("GET", "/tree/"), 1U);
}

TEST_F(ManifestsTest, ACommitThatCouldNotBeWalkedIsNotTriedAgainAtOnce) {
  sim.set_fault({.kind = Fault::Kind::kStatus, .match = "/tree/", .status = 500});
  walk("org/model");
  const auto calls = asked();
  walk("org/model");
  EXPECT_EQ(asked(), calls);
  sim.clear_faults();
  time.advance(11min);
  walk("org/model");
  EXPECT_TRUE(complete("org/model"));
}

TEST_F(ManifestsTest, WhatAClientListsIsFollowedFromItsPage) {
  set_pages(5);
  auto request = wanted("org/model");
  const std::string target = "/api/models/org/model/tree/" + request.commit + "?recursive=True";
  request.request.query.target = target;
  auto first = runner.run(documents.get(request.request, *flights));
  runner.call([&] { manifests.follow(request, target, first, *flights); });
  await_complete("org/model");
  EXPECT_EQ(rows(), 8U);
  EXPECT_EQ(asked("GET", "/tree/"), asked());
  EXPECT_LE(asked(), 3U);
}

}  // namespace
}  // namespace hubcache::catalog
