#include "hubcache/hub/outages.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/clock.h"
#include "unit/hub/fixture.h"

namespace hubcache::hub {
namespace {

using namespace std::chrono_literals;
using hubsim::Fault;
using hubsim::Host;
using Subject = Outages::Subject;

/// Hubs that remember outages, on two workers, and a clock that the test moves.
class OutagesTest : public HubFixture {
 protected:
  OutagesTest() { make_hubs(known, limits, time); }

  bool file_is_had(std::size_t worker = 0) {
    try {
      runner.run(hubs[worker]->head_file(endpoint(), anonymous(), file("org/model", kWeights)),
                 worker);
      return true;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), Error::Kind::kUpstream) << error.what();
      return false;
    }
  }
  /// A limit is over at once.
  void every_call_is(int status) {
    sim.set_fault({.kind = Fault::Kind::kStatus,
                   .status = status,
                   .headers = {{"ratelimit", ""}, {"Retry-After", "0"}}});
  }

  test::FakeClock time;
  Outages known{{.retry_after = 5s}, time, log};
};

TEST_F(OutagesTest, AHubThatIsGoneIsNotWaitedForTwice) {
  sim.stop();
  EXPECT_FALSE(file_is_had());
  sim.start();  // which nobody knows yet
  EXPECT_FALSE(file_is_had());
  EXPECT_EQ(asked(), 0U);
  time.advance(5s);
  EXPECT_TRUE(file_is_had());
}

TEST_F(OutagesTest, EveryWorkerHeedsIt) {
  every_call_is(503);
  EXPECT_FALSE(file_is_had(0));
  EXPECT_FALSE(file_is_had(1));
  EXPECT_EQ(asked(), 1U);
}

TEST_F(OutagesTest, BeginsWhenTheTriesAreUsedUp) {
  remote.max_retries = 1;
  every_call_is(503);
  EXPECT_FALSE(file_is_had());
  EXPECT_EQ(asked(), 2U);
  EXPECT_FALSE(file_is_had());
  EXPECT_EQ(asked(), 2U);
}

TEST_F(OutagesTest, OneCallInEachIntervalFindsOutAndIsTriedOnce) {
  remote.max_retries = 1;
  every_call_is(503);
  EXPECT_FALSE(file_is_had());
  for (std::size_t trials = 1; trials <= 2; ++trials) {
    time.advance(5s);
    for (int i = 0; i < 3; ++i) EXPECT_FALSE(file_is_had());
    EXPECT_EQ(asked(), 2U + trials);
  }
  sim.clear_faults();
  time.advance(5s);
  EXPECT_TRUE(file_is_had());
  EXPECT_TRUE(file_is_had(1));
}

TEST_F(OutagesTest, ATrialThatIsNeverHeardOfHoldsUpNobodyForLong) {
  known.call(remote, Subject::kFiles).failed();
  time.advance(5s);
  EXPECT_TRUE(known.call(remote, Subject::kFiles).is_trial());
  EXPECT_THROW(known.call(remote, Subject::kFiles), Error);
  time.advance(5s);
  EXPECT_TRUE(known.call(remote, Subject::kFiles).is_trial());
}

TEST_F(OutagesTest, AHubThatNeverAnswersIsOne) {
  remote.timeouts.first_byte = 50ms;
  sim.set_fault({.kind = Fault::Kind::kDelay, .delay = 1h});
  EXPECT_EQ(test::kind_thrown_by([&] {
              runner.run(hubs[0]->auth_check(endpoint(), anonymous(), model("org/model")));
            }),
            Error::Kind::kUpstreamTimeout);
  EXPECT_THROW(known.call(remote, Subject::kRights), Error);
}

TEST_F(OutagesTest, AnAnswerToOthersMeanwhileTellsThatThereIsNone) {
  auto slow = known.call(remote, Subject::kFiles);
  known.call(remote, Subject::kFiles).answered();
  slow.failed();
  EXPECT_FALSE(known.call(remote, Subject::kFiles).is_trial());
}

TEST_F(OutagesTest, TriesUnderWayEndWithItsBegin) {
  auto slow = known.call(remote, Subject::kFiles);
  EXPECT_FALSE(slow.is_lost());
  known.call(remote, Subject::kFiles).failed();
  EXPECT_TRUE(slow.is_lost());
}

TEST_F(OutagesTest, AHubThatAsksForFewerRequestsOrFailsAtOneThingIsThere) {
  for (const int status : {429, 500, 501}) {
    every_call_is(status);
    for (std::size_t i = 1; i <= 2; ++i) {
      sim.clear_log();
      try {
        head(file("org/model", kWeights));
      } catch (const Error&) {
      }
      EXPECT_EQ(asked(), 1U) << status;
    }
    sim.clear_faults();
  }
}

TEST_F(OutagesTest, WhatCannotBeHadLeavesRightsToBeAsked) {
  known.call(remote, Subject::kDocuments).failed();
  EXPECT_THROW(known.call(remote, Subject::kDocuments), Error);
  EXPECT_NO_THROW(known.call(remote, Subject::kFiles));
  known.call(remote, Subject::kFiles).failed();
  EXPECT_THROW(known.call(remote, Subject::kFiles), Error);
  EXPECT_NO_THROW(known.call(remote, Subject::kRights));
}

TEST_F(OutagesTest, IsOfOneHub) {
  known.call(remote, Subject::kFiles).failed();
  auto other = remote;
  ++other.origin.port;
  EXPECT_NO_THROW(known.call(other, Subject::kFiles));
  ++remote.epoch;  // the same hub
  EXPECT_THROW(known.call(remote, Subject::kFiles), Error);
}

TEST_F(OutagesTest, ACdnHasNone) {
  sim.set_fault({.kind = Fault::Kind::kStatus, .host = Host::kCdn, .status = 503});
  const auto open = [&] {
    runner.run(hubs[0]->open_file(endpoint(), anonymous(), file("org/model", kWeights), "",
                                  std::nullopt, 0, 100));
  };
  EXPECT_EQ(test::kind_thrown_by(open), Error::Kind::kUpstream);
  sim.clear_faults();
  EXPECT_NO_THROW(open());
}

TEST_F(OutagesTest, IsHeededByDownloadsFromTheHubItself) {
  const auto place = head(file("org/model", "config.json")).location;
  known.call(remote, Subject::kFiles).failed();
  sim.clear_log();
  const auto open = [&] {
    runner.run(hubs[0]->open_file(endpoint(), anonymous(), file("org/model", "config.json"), place,
                                  std::nullopt, 0, 100));
  };
  EXPECT_EQ(test::kind_thrown_by(open), Error::Kind::kUpstream);
  EXPECT_EQ(asked(), 0U);
  time.advance(5s);
  EXPECT_NO_THROW(open());
  EXPECT_FALSE(known.call(remote, Subject::kFiles).is_trial());
}

TEST_F(OutagesTest, AnEndpointThatIsOfflineIsNeverAsked) {
  remote.offline = true;
  const auto location = sim.cdn_url() + "/x";
  const auto ask = [&](auto call) {
    try {
      runner.run(std::move(call));
      ADD_FAILURE();
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), Error::Kind::kUpstream);
      EXPECT_THAT(error.what(), testing::StartsWith("hubcache is offline"));
    }
  };
  const auto weights = file("org/model", kWeights);
  ask(hubs[0]->head_file(endpoint(), anonymous(), weights));
  ask(hubs[0]->auth_check(endpoint(), anonymous(), weights.repo));
  ask(hubs[0]->document(endpoint(), anonymous(),
                        {.repo = weights.repo, .target = "/api/models/org/model"}));
  ask(hubs[0]->open_file(endpoint(), anonymous(), weights, location, std::nullopt, 0, 1));
  EXPECT_EQ(asked() + asked_cdn(), 0U);
}

}  // namespace
}  // namespace hubcache::hub
