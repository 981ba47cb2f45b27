#include "hubcache/catalog/catalog.h"

#include "unit/catalog/fixture.h"

namespace hubcache::catalog {
namespace {

using namespace std::chrono_literals;
using hubsim::Fault;

class CatalogTest : public test::KnowledgeFixture {
 protected:
  CatalogTest() : KnowledgeFixture({catalog_migrations(), document_migrations()}) {}

  /// Forgets what is in memory, as a restart does; the rows stay.
  void restart() {
    settle();
    catalog =
        std::make_unique<Catalog>(runner.workers(), *database, manifests, Catalog::Options{}, time);
    sim.clear_log();
  }

  struct Found {
    Commit commit;
    EntryPtr entry;
    std::string location;
  };
  Found find(hub::FileRef what, hub::Credential who = anonymous(), std::size_t worker = 0) {
    auto ask = [](Catalog& all, hub::Flights& calls, hub::EndpointPtr place, hub::Credential by,
                  hub::FileRef at) -> Task<Found> {
      hub::Probe probe(calls, std::move(place), std::move(by), std::move(at));
      Found found;
      found.commit = co_await all.commit(probe);
      found.entry = co_await all.entry(probe, found.commit, "refused", calls);
      auto at_commit = probe.file();
      at_commit.revision = found.commit.id;
      if (found.entry) found.location = all.location_of(*probe.endpoint(), at_commit);
      co_return found;
    };
    return runner.run(ask(*catalog, *flights, endpoint(), std::move(who), std::move(what)), worker);
  }
  Error failure(hub::FileRef what, hub::Credential who = anonymous()) {
    return test::error_of([&] { find(std::move(what), std::move(who)); });
  }
  void learn(const std::string& repo, const std::string& revision, const std::string& commit) {
    runner.run(catalog->learn_commit(endpoint(), model(repo), revision, commit));
  }

  Documents documents{runner.workers(), *database, {}, time};
  Manifests manifests{runner.workers(), *database, documents, {}, time, log};
  std::unique_ptr<Catalog> catalog =
      std::make_unique<Catalog>(runner.workers(), *database, manifests, Catalog::Options{}, time);
};

TEST_F(CatalogTest, AFileIsWhatTheHubSaysItIs) {
  const auto [commit, entry, location] = find(file("org/model", "model.safetensors"));
  EXPECT_EQ(commit.id, sim.sha("org/model"));
  EXPECT_FALSE(commit.stale);
  ASSERT_TRUE(entry);
  EXPECT_EQ(entry->etag, sim.etag("org/model", "model.safetensors"));
  EXPECT_EQ(entry->digest, Digest::from_etag(entry->etag));
  EXPECT_EQ(entry->size, sim.size("org/model", "model.safetensors"));
  EXPECT_TRUE(entry->lfs);
  EXPECT_FALSE(find(file("org/model", "config.json")).entry->lfs);
}

TEST_F(CatalogTest, WhoReadsMoreFromTheDatabaseDoesSoWithTheEntry) {
  const auto config = file("org/model", "config.json");
  const auto read = [&] {
    int rows = 0;
    auto ask = [](Catalog& all, hub::Flights& calls, hub::EndpointPtr place, hub::FileRef at,
                  int& count) -> Task<> {
      hub::Probe probe(calls, std::move(place), hub::Credential::anonymous(), std::move(at));
      const auto commit = co_await all.commit(probe);
      auto also = [&count](db::Connection& sql, const Entry& entry) {
        auto row = sql.query("SELECT size FROM entries WHERE etag = ?1", entry.etag);
        if (row.step() && row.integer(0) == static_cast<std::int64_t>(entry.size)) ++count;
      };
      co_await all.entry(probe, commit, "refused", calls, also);
    };
    runner.run(ask(*catalog, *flights, endpoint(), config, rows));
    return rows;
  };
  EXPECT_EQ(read(), 0) << "the Hub told";
  restart();
  EXPECT_EQ(read(), 1);
  EXPECT_EQ(read(), 0) << "it is remembered";
}

TEST_F(CatalogTest, SecurityRule1ACommitIsConfirmedAnewFromTimeToTime) {
  const auto config = file("org/model", "config.json", sim.sha("org/model"));
  find(config);
  time.advance(29min);
  sim.clear_log();
  find(config, anonymous(), 1);
  EXPECT_EQ(asked(), 0U);
  time.advance(2min);
  find(config);
  EXPECT_EQ(asked("HEAD", "/resolve/"), 1U);
  time.advance(2h);
  sim.stop();
  EXPECT_TRUE(find(config).commit.stale);
  time.advance(23h);
  EXPECT_EQ(failure(config).kind(), Error::Kind::kUpstream);
}

TEST_F(CatalogTest, SecurityRule1ARepoThatTookANameHasNoCommitsOfTheOneBefore) {
  const auto config = file("org/model", "config.json", sim.sha("org/model"));
  find(config);
  sim.remove_repo("org/model");
  sim.add_repo({.id = "org/model"});
  time.advance(31min);
  EXPECT_EQ(failure(config).hub().code, "RevisionNotFound");
  sim.stop();
  EXPECT_EQ(failure(config).hub().code, "RevisionNotFound");
  restart();
  EXPECT_EQ(failure(config).hub().code, "RevisionNotFound");
}

TEST_F(CatalogTest, ThatThereIsNoRevisionIsKeptForItsTimeAndServesStale) {
  const auto nope = file("org/model", "config.json", "nope");
  const auto first = failure(nope);
  for (int i = 0; i < 2; ++i) {
    const auto again = failure(nope);
    EXPECT_EQ(again.hub().status, 404);
    EXPECT_EQ(again.hub().code, "RevisionNotFound");
    EXPECT_EQ(again.hub().message, first.hub().message);
  }
  EXPECT_EQ(asked("HEAD", "/resolve/"), 1U);
  time.advance(2min);
  sim.stop();
  EXPECT_EQ(failure(nope).hub().code, "RevisionNotFound");
  sim.start();
  sim.set_ref("org/model", "nope", "main");
  EXPECT_FALSE(find(nope).commit.stale);
  time.advance(25h);
  sim.stop();
  EXPECT_EQ(failure(nope).kind(), Error::Kind::kUpstream);
}

TEST_F(CatalogTest, SecurityRule9NothingIsLearnedOfWhatARedirectLeadsTo) {
  const auto config = file("org/model", "config.json");
  const auto at_commit = file("org/model", "README.md", find(config).commit.id);
  sim.rename("org/model", "org/renamed");
  EXPECT_EQ(failure(at_commit).kind(), Error::Kind::kConflict);
  time.advance(61s);
  for (int i = 0; i < 2; ++i) EXPECT_EQ(failure(config).kind(), Error::Kind::kConflict);
  EXPECT_EQ(find(file("org/renamed", "config.json")).commit.id, sim.sha("org/renamed"));
}

TEST_F(CatalogTest, ABranchIsAskedForOnceWithinItsTimeByAllWorkers) {
  const auto config = file("org/model", "config.json");
  const auto before = find(config);
  const auto commit = sim.commit("org/model", "main", {{.path = "config.json", .content = "{}"}});
  settle();
  sim.clear_log();
  EXPECT_EQ(find(config, anonymous(), 1).commit.id, before.commit.id);
  EXPECT_EQ(asked(), 0U);
  time.advance(61s);
  EXPECT_EQ(find(config).commit.id, commit);
  EXPECT_NE(find(config).entry->etag, before.entry->etag);
}

TEST_F(CatalogTest, WhatIsKnownAtACommitIsKnownForGood) {
  const auto config = file("org/model", "config.json", sim.sha("org/model"));
  find(config);
  restart();
  time.advance(24h * 365);
  find(file("org/model", "README.md", sim.sha("org/model")));  // confirms the commit
  sim.stop();
  EXPECT_TRUE(find(config).entry);
}

TEST_F(CatalogTest, WhereTheBytesWereFoundIsRememberedInMemoryOnly) {
  const auto weights = file("org/model", "model.safetensors");
  EXPECT_NE(find(weights).location, "");
  EXPECT_NE(find(weights).location, "");
  restart();
  EXPECT_EQ(find(weights).location, "");
  EXPECT_EQ(asked(), 0U);
}

TEST_F(CatalogTest, AStaleCommitServesWhileTheHubFails) {
  const auto config = file("org/model", "config.json");
  const auto before = find(config);
  time.advance(2h);
  sim.stop();
  const auto stale = find(config);
  EXPECT_TRUE(stale.commit.stale);
  EXPECT_EQ(stale.commit.id, before.commit.id);
  EXPECT_EQ(stale.entry->etag, before.entry->etag);
  EXPECT_EQ(failure(file("org/model", "README.md")).kind(), Error::Kind::kUpstream);
  EXPECT_EQ(failure(file("org/other", "config.json")).kind(), Error::Kind::kUpstream);
}

TEST_F(CatalogTest, ATimeInTheFutureCountsAsStale) {
  find(file("org/model", "config.json"));
  time.advance(-1h);
  sim.clear_log();
  find(file("org/model", "config.json"));
  EXPECT_GE(asked("HEAD"), 1U);
}

TEST_F(CatalogTest, WhatADocumentSaidOfABranchServesFiles) {
  const auto commit = sim.sha("org/model");
  find(file("org/model", "config.json", commit));
  learn("org/model", "main", commit);
  sim.stop();
  const auto found = find(file("org/model", "config.json"), anonymous(), 1);
  EXPECT_EQ(found.commit.id, commit);
  EXPECT_FALSE(found.commit.stale);
}

TEST_F(CatalogTest, ACommitIdStandsForItselfWhateverADocumentSays) {
  const auto commit = sim.sha("org/model");
  learn("org/model", commit, sim.sha("org/private"));
  EXPECT_EQ(find(file("org/model", "config.json", commit)).commit.id, commit);
}

TEST_F(CatalogTest, AMissingRevisionIsTheHubs404) {
  const auto error = failure(file("org/model", "config.json", "nowhere"));
  EXPECT_EQ(error.kind(), Error::Kind::kNotFound);
  EXPECT_EQ(error.hub().code, "RevisionNotFound");
}

TEST_F(CatalogTest, SecurityRule1ACommitIdCountsOnlyForTheRepoThatConfirmedIt) {
  const auto commit = sim.sha("org/private");
  ASSERT_TRUE(find(file("org/private", "config.json", commit), caller("hf_good")).entry);
  EXPECT_EQ(failure(file("org/model", "config.json", commit)).hub().code, "RevisionNotFound");
}

TEST_F(CatalogTest, SecurityRule1ARefusalConfirmsNoCommitThoughItNamesOne) {
  sim.set_fault({.kind = Fault::Kind::kStatus,
                 .match = "/resolve/",
                 .status = 403,
                 .headers = {{"X-Repo-Commit", sim.sha("org/model")}}});
  const auto config = file("org/model", "config.json", sim.sha("org/model"));
  EXPECT_EQ(failure(config).kind(), Error::Kind::kForbidden);
  sim.stop();
  EXPECT_EQ(failure(config).kind(), Error::Kind::kUpstream);
}

TEST_F(CatalogTest, SecurityRule1AnotherEpochKnowsNothing) {
  find(file("org/model", "config.json"));
  ++remote.epoch;
  sim.stop();
  EXPECT_THROW(find(file("org/model", "config.json")), Error);
}

TEST_F(CatalogTest, SecurityRule13AnAbsenceIsRememberedForItsRepoAndCommit) {
  const auto absent = file("org/model", "absent.txt");
  EXPECT_FALSE(find(absent).entry);
  settle();
  sim.clear_log();
  EXPECT_FALSE(find(absent, anonymous(), 1).entry);
  EXPECT_EQ(asked(), 0U);
  restart();
  EXPECT_FALSE(find(absent).entry);
  EXPECT_EQ(asked(), 0U);
  sim.commit("org/model", "main", {{.path = "absent.txt", .content = "here"}});
  time.advance(61s);
  EXPECT_TRUE(find(absent).entry);
}

TEST_F(CatalogTest, SecurityRule13A404WithoutTheVeryCommitIsNoAbsence) {
  const auto commit = sim.sha("org/model");
  find(file("org/model", "config.json", commit));
  const auto absent = file("org/model", "absent.txt", commit);
  sim.set_fault({.kind = Fault::Kind::kHeader,
                 .match = "absent.txt",
                 .headers = {{"X-Repo-Commit", std::string(40, 'a')}}});
  EXPECT_EQ(failure(absent).kind(), Error::Kind::kNotFound);
  sim.clear_faults();
  sim.clear_log();
  EXPECT_FALSE(find(absent).entry);
  EXPECT_GE(asked("HEAD"), 1U);
}

}  // namespace
}  // namespace hubcache::catalog
