#include "hubcache/mirror/scrub.h"

#include "fixture.h"

namespace hubcache::mirror {
namespace {

using namespace std::chrono_literals;

class ScrubTest : public MirrorTest {
 protected:
  ScrubTest() {
    database.write_now([](db::Connection& sql) {
      for (const auto& step : scrub_migrations()) sql.script(step.sql);
    });
    restart();
  }
  /// As a restart of the server makes it: what it knows is in the rows.
  void restart() {
    database.write_now([](db::Connection& /*sql*/) {});  // what was to be written is written
    auto refetch = [this](Digest gone) { refetched.push_back(std::move(gone)); };
    scrub = std::make_unique<Scrub>(store, database, std::move(refetch),
                                    Scrub::Options{.period = 24h, .rate = 0, .record_interval = 0s},
                                    clock, log);
  }
  std::chrono::milliseconds step() { return runner.run(scrub->step()); }
  /// Steps until there is nothing to do for a while; returns how many blobs were looked at.
  int look_at_all() {
    int looked = 0;
    while (step() < 1min) ++looked;
    return looked;
  }

  std::unique_ptr<Scrub> scrub;
  std::vector<Digest> refetched;
};

TEST_F(ScrubTest, EveryBlobIsLookedAtOnceAPeriodAndWhatIsFalseGoes) {
  for (const auto* text : {"right", "false", "later"}) put(text);
  EXPECT_EQ(step(), 24h);  // what is stored was verified
  clock.advance(23h);
  EXPECT_EQ(step(), 1h);
  damage("false");
  clock.advance(1h);
  EXPECT_EQ(look_at_all(), 3);
  EXPECT_TRUE(is_stored("right"));
  EXPECT_FALSE(is_stored("false"));
  EXPECT_EQ(refetched, std::vector{digest_of("false")});
  damage("later");
  EXPECT_EQ(look_at_all(), 0);
  EXPECT_TRUE(is_stored("later"));
  clock.advance(24h);
  EXPECT_EQ(look_at_all(), 2);
  EXPECT_FALSE(is_stored("later"));
}

TEST_F(ScrubTest, ARestartGoesOnWhereItWas) {
  step();
  for (const auto* text : {"a", "b", "c", "d"}) put(text);
  clock.advance(24h);
  step();
  step();
  restart();
  EXPECT_EQ(look_at_all(), 2);
  restart();
  EXPECT_EQ(look_at_all(), 0);
  EXPECT_EQ(step(), 24h);
}

TEST_F(ScrubTest, AClockThatWasSetBackDoesNotPutItOff) {
  step();
  clock.jump(-240h);
  EXPECT_EQ(step(), 24h);
}

}  // namespace
}  // namespace hubcache::mirror
