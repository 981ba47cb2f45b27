#include "hubcache/mirror/orphans.h"

#include <set>

#include <gtest/gtest.h>

#include "hubcache/base/error.h"
#include "hubcache/catalog/entries.h"

#include "fixture.h"

namespace hubcache::mirror {
namespace {

using std::chrono::minutes;

class OrphansTest : public MirrorTest {
 protected:
  void clean_up(OrphanRules rules = {.protection = minutes(0)}) {
    runner.run(clean_up_orphans(database, store, clock, std::move(rules), run));
  }
  void prove(const std::string& origin, std::string_view text, bool proven = true) {
    access::Proofs proofs(runner.workers(), database, clock);
    runner.run(proofs.record(origin, "model/org/model", digest_of(text), proven));
  }
};

TEST_F(OrphansTest, WhatAnEntryNamesStays) {
  put("named");
  enter("r/2", "named");
  put("orphan");
  clean_up();
  EXPECT_TRUE(is_stored("named"));
  EXPECT_FALSE(is_stored("orphan"));
  EXPECT_EQ(run.last["clean-up.artifacts"].total, 1);
  EXPECT_EQ(run.last["clean-up.artifacts"].done, 1);
  EXPECT_EQ(count("manifests"), 1);
}

TEST_F(OrphansTest, WhatIsPinnedStays) {
  put("orphan");
  runner.run(store.pin(digest_of("orphan"), "operator"));
  clean_up();
  EXPECT_TRUE(is_stored("orphan"));
  runner.run(store.unpin(digest_of("orphan"), "operator"));
  clean_up();
  EXPECT_FALSE(is_stored("orphan"));
}

TEST_F(OrphansTest, BlobsThatWereUsedWithinTheProtectionTimeStay) {
  put("orphan");
  clock.advance(minutes(59));
  clean_up({.protection = minutes(60)});
  EXPECT_TRUE(is_stored("orphan"));
  clock.advance(minutes(2));
  clean_up({.protection = minutes(60)});
  EXPECT_FALSE(is_stored("orphan"));
}

TEST_F(OrphansTest, WhatIsKnownOfRemotesThatAreGoneOrChangedGoes) {
  for (const auto& [scope, text] : std::map<std::string, std::string>{
           {"r/1", "before"}, {"gone/1", "elsewhere"}, {"r/2", "now"}, {"r/20", "like it"}}) {
    put(text);
    enter(scope, text);
  }
  clean_up();
  EXPECT_EQ(run.last["clean-up.content"].done, 3);
  EXPECT_EQ(count("entries"), 1);
  EXPECT_EQ(count("manifests"), 1);
  EXPECT_TRUE(is_stored("now"));
  EXPECT_FALSE(is_stored("before"));
  EXPECT_FALSE(is_stored("elsewhere"));
}

TEST_F(OrphansTest, ContentThatIsNamedGoesAloneAndItsManifestWithIt) {
  put("one");
  put("two");
  put("nobody's");
  enter("gone/1", "nobody's");
  const auto one = enter("r/2", "one");
  enter("r/2", "two");
  clean_up({.protection = minutes(0), .entries = {one}});
  EXPECT_EQ(run.last["clean-up.content"].done, 1);
  EXPECT_FALSE(is_stored("one"));
  EXPECT_TRUE(is_stored("two"));
  EXPECT_TRUE(is_stored("nobody's"));
  EXPECT_EQ(count("manifests"), 1);  // without one of its entries it would be wrong
}

TEST_F(OrphansTest, ContentThatIsNamedIsProtectedTooWhileItIsUsed) {
  put("one");
  const auto one = enter("r/2", "one");
  clean_up({.protection = minutes(60), .entries = {one}});
  EXPECT_EQ(run.last["clean-up.content"].done, 0);
  EXPECT_TRUE(is_stored("one"));
}

TEST_F(OrphansTest, ProofsGoWithTheirBlobsButNotBeforeADayIsOver) {
  put("stored");
  prove("https://hub", "stored");
  prove("https://hub", "gone");
  prove("https://hub", "false", false);
  prove("r/1/imported", "gone");
  clock.advance(minutes(24 * 60));
  EXPECT_EQ(runner.run(remove_orphan_proofs(database, clock)), 0);
  clock.advance(minutes(1));
  prove("https://hub", "on its way");
  EXPECT_EQ(runner.run(remove_orphan_proofs(database, clock)), 2);
  EXPECT_EQ(count("proofs"), 3);
  access::Proofs proofs(runner.workers(), database, clock);
  EXPECT_TRUE(runner.run(proofs.is_proven("https://hub", "model/org/model", digest_of("stored"))));
}

TEST_F(OrphansTest, ProtectionTimeThatNoCalendarHasIsRefused) {
  EXPECT_EQ(test::kind_thrown_by([this] { clean_up({.protection = minutes(4'294'967'295)}); }),
            Error::Kind::kBadRequest);
  clean_up({.protection = minutes(4'000'000)});
}

}  // namespace
}  // namespace hubcache::mirror
