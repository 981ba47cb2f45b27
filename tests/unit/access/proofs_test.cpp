#include "hubcache/access/proofs.h"

#include "unit/catalog/fixture.h"

namespace hubcache::access {
namespace {

using namespace std::chrono_literals;

class ProofsTest : public test::KnowledgeFixture {
 protected:
  ProofsTest() : KnowledgeFixture({proof_migrations()}) {}

  bool proven(const std::string& repo, std::size_t worker = 0) {
    return runner.run(proofs.is_proven("origin", repo, digest), worker);
  }
  void record(const std::string& repo, bool equal) {
    runner.run(proofs.record("origin", repo, digest, equal));
  }

  const Digest digest = Digest::from_etag(std::string(64, 'a')).value();
  Proofs proofs{runner.workers(), *database, time};
};

TEST_F(ProofsTest, SecurityRule8AProofIsOfOneRepoAndOneOrigin) {
  EXPECT_FALSE(proven("model/a"));
  record("model/a", true);
  EXPECT_TRUE(proven("model/a", 0));
  EXPECT_TRUE(proven("model/a", 1));
  EXPECT_FALSE(proven("model/b"));
  EXPECT_FALSE(runner.run(proofs.is_proven("elsewhere", "model/a", digest)));
}

TEST_F(ProofsTest, SecurityRule8AFailureRefusesForADay) {
  record("model/a", false);
  for (const auto wait : {0h, 23h}) {
    time.advance(wait);
    EXPECT_EQ(test::kind_thrown_by([&] { proven("model/a"); }), Error::Kind::kUpstream);
  }
  EXPECT_FALSE(proven("model/b"));
  time.advance(2h);
  EXPECT_FALSE(proven("model/a"));
}

TEST_F(ProofsTest, SecurityRule8AHubHasABlobOnceItDeliveredItWhole) {
  const auto has = [this](const std::string& origin) {
    return runner.run(proofs.is_of_origin(origin, digest), 1);
  };
  record("model/a", true);  // by samples
  EXPECT_FALSE(has("origin"));
  runner.run(proofs.record_whole("origin", "model/b", digest));
  EXPECT_TRUE(has("origin"));
  EXPECT_TRUE(proven("model/b"));
  EXPECT_FALSE(proven("model/c"));
  EXPECT_FALSE(has("elsewhere"));
  runner.run(proofs.record_whole("elsewhere", {}, digest));
  EXPECT_TRUE(has("elsewhere"));
}

TEST_F(ProofsTest, SecurityRule8ProofsOfManyAreOfThoseAlone) {
  const auto other = Digest::from_etag(std::string(40, 'b')).value();
  const auto third = Digest::from_etag(std::string(64, 'c')).value();
  runner.run(proofs.record_all("origin", "model/a", {digest, other}));
  Proofs later(runner.workers(), *database, time);
  const auto has = [&](const std::string& repo, const Digest& what) {
    return runner.run(later.is_proven("origin", repo, what));
  };
  EXPECT_TRUE(has("model/a", digest));
  EXPECT_TRUE(has("model/a", other));
  EXPECT_FALSE(has("model/a", third));
  EXPECT_FALSE(has("model/b", digest));
  EXPECT_FALSE(runner.run(later.is_of_origin("origin", digest)));
}

TEST_F(ProofsTest, WhatAnotherReadOfTheDatabaseBringsIsTheSame) {
  const auto in_rows = [this](const std::string& repo) {
    const auto key = Proofs::key_of("origin", repo, digest);
    return database->read_now([key](db::Connection& sql) { return Proofs::has_proof(sql, key); });
  };
  record("model/a", true);
  record("model/b", false);
  EXPECT_TRUE(in_rows("model/a"));
  EXPECT_FALSE(in_rows("model/b"));
  EXPECT_FALSE(in_rows("model/c"));
}

TEST_F(ProofsTest, WhatAWorkerIsToRememberItRemembersAlone) {
  const auto key = Proofs::key_of("origin", "model/a", digest);
  const auto remembered = [&](std::size_t worker) {
    auto look = [](Proofs& all, std::string name) -> Task<bool> {
      co_return all.is_remembered(name);
    };
    return runner.run(look(proofs, key), worker);
  };
  auto remember = [](Proofs& all, std::string name) -> Task<> {
    all.remember(std::move(name));
    co_return;
  };
  runner.run(remember(proofs, key), 1);
  EXPECT_TRUE(remembered(1));
  EXPECT_FALSE(remembered(0));
}

TEST_F(ProofsTest, AProofIsForGood) {
  record("model/a", true);
  time.advance(24h * 365);
  Proofs later(runner.workers(), *database, time);
  EXPECT_TRUE(runner.run(later.is_proven("origin", "model/a", digest)));
}

}  // namespace
}  // namespace hubcache::access
