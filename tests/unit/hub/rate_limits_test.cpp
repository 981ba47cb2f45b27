#include "hubcache/hub/rate_limits.h"

#include <gtest/gtest.h>

#include "support/clock.h"
#include "unit/hub/fixture.h"

namespace hubcache::hub {
namespace {

using namespace std::chrono_literals;
using hubsim::Fault;
using hubsim::Host;
using Subject = Outages::Subject;

const Quota kAMinute{.wait = 56s, .name = "api", .policy = "\"fixed window\";\"api\";q=500;w=300"};

/// Hubs that heed limits, on two workers, and a clock that the test moves.
class RateLimitsTest : public HubFixture {
 protected:
  RateLimitsTest() { make_hubs(outages, heeded, time); }

  bool is_open(const Credential& credential = anonymous(), Subject subject = Subject::kDocuments) {
    try {
      return heeded.wait_open(remote, credential, subject, 0ms) == 0ms;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), Error::Kind::kTooManyRequests);
      return false;
    }
  }
  /// What the error says when the next turn is too far away.
  std::chrono::seconds turn_refused() {
    try {
      heeded.take_turn(remote, 0ms);
      return 0s;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), Error::Kind::kTooManyRequests);
      return error.hub().retry_after;
    }
  }
  Error limited(std::size_t worker = 0) {
    try {
      runner.run(hubs[worker]->document(endpoint(), anonymous(), kInfo), worker);
    } catch (const Error& error) {
      return error;
    }
    ADD_FAILURE();
    return {Error::Kind::kInternal, ""};
  }

  const DocumentQuery kInfo{.repo = model("org/model"), .target = "/api/models/org/model"};
  test::FakeClock time;
  int rate = 0;
  std::size_t turns = 0;
  RateLimits heeded{{.rate_of =
                         [this](std::string_view) {
                           ++turns;
                           return rate;
                         }},
                    time};
};

TEST_F(RateLimitsTest, ABudgetIsTheLastWordUntilItsWindowEndsAndNoCallersOwn) {
  const Credential of_caller{
      .kind = Credential::Kind::kCaller, .token = "hf_somebody", .key = "key"};
  EXPECT_TRUE(heeded.budgets().empty());
  heeded.heard(anonymous(), Budget{.limit = "api", .left = 9, .window = 60s});
  heeded.heard(anonymous(), Budget{.limit = "api", .left = 8, .window = 50s});
  heeded.heard(of_caller, Budget{.limit = "api", .left = 1, .window = 50s});
  heeded.heard(anonymous(), std::nullopt);
  ASSERT_EQ(heeded.budgets().size(), 1U);
  EXPECT_EQ(heeded.budgets().front().left, 8U);
  EXPECT_EQ(heeded.budgets().front().whose, "anonymous");
  time.advance(51s);
  EXPECT_TRUE(heeded.budgets().empty());
}

TEST_F(RateLimitsTest, AWindowIsClosedUntilItEndsAndTellsWhatIsLeft) {
  EXPECT_TRUE(is_open());
  EXPECT_EQ(heeded.close(remote, anonymous(), Subject::kDocuments, kAMinute).hub().retry_after,
            56s);
  time.advance(20s);
  try {
    heeded.wait_open(remote, anonymous(), Subject::kDocuments, 35s);
    ADD_FAILURE();
  } catch (const Error& error) {
    EXPECT_EQ(error.hub().status, 429);
    EXPECT_EQ(error.hub().retry_after, 36s);
    EXPECT_EQ(error.hub().quota, kAMinute.name);
    EXPECT_EQ(error.hub().quota_policy, kAMinute.policy);
  }
  EXPECT_EQ(heeded.wait_open(remote, anonymous(), Subject::kDocuments, 36s), 36s);
  time.advance(36s);
  EXPECT_TRUE(is_open());
}

TEST_F(RateLimitsTest, AWindowIsOfOneCredentialAndOfWhatIsCountedTogether) {
  heeded.close(remote, anonymous(), Subject::kDocuments, kAMinute);
  EXPECT_FALSE(is_open(anonymous(), Subject::kRights));
  EXPECT_TRUE(is_open(anonymous(), Subject::kFiles));
  EXPECT_TRUE(is_open(caller("hf_good")));
  EXPECT_TRUE(is_open(by_remote()));
}

TEST_F(RateLimitsTest, RemotesOfOneHubShareAllButTheWindowsOfTheirOwnTokens) {
  for (const auto& credential : {anonymous(), caller("hf_good"), by_remote()}) {
    heeded.close(remote, credential, Subject::kDocuments, kAMinute);
  }
  remote.remote = "another";
  EXPECT_FALSE(is_open());
  EXPECT_FALSE(is_open(caller("hf_good")));
  EXPECT_TRUE(is_open(by_remote()));
  ++remote.origin.port;
  EXPECT_TRUE(is_open());
}

TEST_F(RateLimitsTest, AHubThatWantsFewerRequestsIsNotAskedAgainByAnyWorker) {
  sim.set_fault({.kind = Fault::Kind::kStatus, .match = "/api/", .status = 429});
  EXPECT_EQ(limited().hub().retry_after, 56s);
  sim.clear_faults();
  time.advance(30s);
  for (const std::size_t worker : {0U, 1U}) EXPECT_EQ(limited(worker).hub().retry_after, 26s);
  EXPECT_EQ(asked(), 1U);
  EXPECT_EQ(auth(model("org/gated"), caller("hf_good")).status, 200);
  time.advance(26s);
  EXPECT_EQ(document(kInfo.repo, kInfo.target).status, 200);
}

TEST_F(RateLimitsTest, FilesAreLimitedForThemselvesAlsoWhereTheyAreFetched) {
  remote.max_retries = 0;
  const auto config = file("org/model", "config.json");
  const auto fetch = [&] {
    runner.run(hubs[1]->open_file(endpoint(), anonymous(), config, "", std::nullopt, 0, 10), 1);
  };
  sim.set_fault({.kind = Fault::Kind::kStatus, .match = "/resolve", .status = 429});
  EXPECT_EQ(test::kind_thrown_by([&] { head(config); }), Error::Kind::kTooManyRequests);
  EXPECT_EQ(test::kind_thrown_by(fetch), Error::Kind::kTooManyRequests);
  EXPECT_EQ(asked(), 1U);
  time.advance(56s);
  EXPECT_EQ(test::kind_thrown_by(fetch), Error::Kind::kTooManyRequests);
  sim.clear_faults();
  EXPECT_EQ(test::kind_thrown_by([&] { head(config); }), Error::Kind::kTooManyRequests);
  EXPECT_EQ(asked(), 2U);
  EXPECT_EQ(document(kInfo.repo, kInfo.target).status, 200);
}

TEST_F(RateLimitsTest, ACdnThatWantsFewerRequestsKeepsNobodyFromTheHub) {
  const auto weights = file("org/model", "model.safetensors");
  sim.set_fault({.kind = Fault::Kind::kStatus,
                 .host = Host::kCdn,
                 .status = 429,
                 .headers = {{"Retry-After", "77"}, {"ratelimit", ""}}});
  try {
    runner.run(hubs[0]->open_file(endpoint(), anonymous(), weights, "", std::nullopt, 0, 10));
    ADD_FAILURE();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), Error::Kind::kTooManyRequests);
    EXPECT_EQ(error.hub().retry_after, 77s);
  }
  EXPECT_EQ(head(weights).status, 200);
}

TEST_F(RateLimitsTest, AShortWindowIsWaitedForByThoseWhoHaveNothingBetter) {
  remote.max_retries = 1;
  const Fault soon{.kind = Fault::Kind::kStatus,
                   .match = "/api/",
                   .status = 429,
                   .headers = {{"ratelimit", R"("api";r=0;t=0)"}},
                   .count = 1};
  sim.set_fault(soon);
  EXPECT_EQ(test::kind_thrown_by([&] {
              runner.run(hubs[0]->document(endpoint(), anonymous(), kInfo, Patience::kNone));
            }),
            Error::Kind::kTooManyRequests);
  EXPECT_EQ(asked(), 1U);
  EXPECT_EQ(document(kInfo.repo, kInfo.target).status, 200);
  EXPECT_EQ(asked(), 2U);
  time.advance(1s);
  sim.clear_faults();
  sim.set_fault(soon);
  EXPECT_EQ(document(kInfo.repo, kInfo.target).status, 200);
  EXPECT_EQ(asked(), 4U);
}

TEST_F(RateLimitsTest, ALimitIsNoOutage) {
  Outages known{{.retry_after = 5s}, time, log};
  hubs[0] =
      std::make_unique<Hub>(*clients[0], known, heeded, Hub::Options{.instance_id = "self"}, time);
  rate = 1;
  for (int i = 0; i < 9; ++i) heeded.take_turn(remote, 10s);
  EXPECT_EQ(limited().kind(), Error::Kind::kTooManyRequests);
  EXPECT_FALSE(known.call(remote, Subject::kDocuments).is_trial());
  EXPECT_EQ(asked(), 0U);
}

TEST_F(RateLimitsTest, ARemoteHasNoMoreTurnsInASecondThanItsRateLimit) {
  rate = 4;
  for (const auto wait : {0ms, 250ms, 500ms, 750ms, 1000ms}) {
    EXPECT_EQ(heeded.take_turn(remote, 10s), wait);
  }
  time.advance(10s);
  EXPECT_EQ(heeded.take_turn(remote, 10s), 0ms);  // what was not used is lost
  EXPECT_EQ(heeded.take_turn(remote, 10s), 250ms);
}

TEST_F(RateLimitsTest, ATurnThatIsTooFarAwayIsNotTaken) {
  rate = 1;
  EXPECT_EQ(turn_refused(), 0s);
  EXPECT_EQ(turn_refused(), 1s);
  EXPECT_EQ(turn_refused(), 1s);
  time.advance(1s);
  EXPECT_EQ(turn_refused(), 0s);
}

TEST_F(RateLimitsTest, AChangeOfTheRateCountsFromTheNextTurnOn) {
  rate = 1;
  heeded.take_turn(remote, 10s);
  rate = 10;
  EXPECT_EQ(heeded.take_turn(remote, 10s), 1000ms);
  EXPECT_EQ(heeded.take_turn(remote, 10s), 1100ms);
  rate = 0;
  EXPECT_EQ(heeded.take_turn(remote, 0ms), 0ms);
}

TEST_F(RateLimitsTest, RemotesHaveTurnsOfTheirOwn) {
  rate = 1;
  heeded.take_turn(remote, 10s);
  remote.remote = "another";
  EXPECT_EQ(heeded.take_turn(remote, 0ms), 0ms);
}

TEST_F(RateLimitsTest, EveryRequestUpstreamTakesItsTurn) {
  const auto config = file("org/model", "config.json");
  const auto weights = file("org/model", "model.safetensors");
  head(config);  // two, for the Hub redirects it
  head(weights);
  auth(model("org/model"));
  document(kInfo.repo, kInfo.target);
  const auto open = [&](const FileRef& file, std::string location) {
    const auto stream = runner.run(hubs[0]->open_file(endpoint(), anonymous(), file,
                                                      std::move(location), std::nullopt, 0, 10));
    return stream.location;
  };
  open(config, "");
  open(weights, open(weights, ""));
  EXPECT_GT(asked_cdn(), 1U);
  EXPECT_EQ(turns, asked() + asked_cdn());
}

}  // namespace
}  // namespace hubcache::hub
