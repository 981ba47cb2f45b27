#include "hubcache/hub/hub.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/hub/fixture.h"

namespace hubcache::hub {
namespace {

using hubsim::Fault;
using testing::HasSubstr;
using testing::StartsWith;

class HubTest : public HubFixture {};

Fault status(int code, std::string match, std::uint64_t count) {
  return {.kind = Fault::Kind::kStatus, .match = std::move(match), .status = code, .count = count};
}

Fault redirect(std::string match, std::string to) {
  return {.kind = Fault::Kind::kStatus,
          .match = std::move(match),
          .status = 302,
          .headers = {{"Location", std::move(to)}}};
}

TEST_F(HubTest, AGitFileIsFollowedToTheHubsOwnCacheOfIt) {
  const auto answer = head(file("org/model", "config.json"));
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.commit, sim.sha("org/model"));
  EXPECT_EQ(answer.etag, sim.etag("org/model", "config.json"));
  ASSERT_TRUE(answer.digest);
  EXPECT_EQ(answer.digest->text(), "gitsha1:" + answer.etag);
  EXPECT_EQ(answer.size, sim.size("org/model", "config.json"));
  EXPECT_THAT(answer.content_type, StartsWith("text/plain"));
  EXPECT_THAT(answer.location, StartsWith(sim.url() + "/api/resolve-cache/models/org/model/"));
  EXPECT_EQ(answer.canonical, model("org/model"));
  EXPECT_EQ(asked("GET"), 0U);
}

TEST_F(HubTest, AnLfsFileIsKnownWithoutAskingTheCdn) {
  const auto answer = head(file("org/model", kWeights));
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.commit, sim.sha("org/model"));
  ASSERT_TRUE(answer.digest);
  EXPECT_EQ(answer.digest->text(), "sha256:" + sim.etag("org/model", kWeights));
  EXPECT_EQ(answer.size, sim.size("org/model", kWeights));
  EXPECT_EQ(answer.xet_hash, sim.xet_hash("org/model", kWeights));
  EXPECT_THAT(answer.location, StartsWith(sim.cdn_url()));
  EXPECT_EQ(asked_cdn(), 0U);
}

TEST_F(HubTest, AFileTheHubAnswersDirectlyIsItsOwnLocation) {
  auto behaviour = sim.behaviour();
  behaviour.direct_files = true;
  sim.set_behaviour(behaviour);
  const auto answer = head(file("org/model", "config.json", "refs/pr/1"));
  EXPECT_EQ(answer.size, sim.size("org/model", "config.json", "refs/pr/1"));
  EXPECT_EQ(answer.digest->hex(), sim.etag("org/model", "config.json", "refs/pr/1"));
  EXPECT_EQ(answer.location, sim.url() + "/org/model/resolve/refs%2Fpr%2F1/config.json");
}

TEST_F(HubTest, AnEmptyFileHasTheSizeZero) {
  const auto answer = head(file("org/model", "empty.txt"));
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.size, 0U);
  EXPECT_EQ(answer.digest->hex(), "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391");
}

TEST_F(HubTest, ASizeTheHeadDoesNotTellIsLearnedFromTheFirstByte) {
  sim.set_fault({.kind = Fault::Kind::kHeader,
                 .match = "config.json",
                 .method = "HEAD",
                 .headers = {{"Content-Length", ""}}});
  EXPECT_EQ(head(file("org/model", "config.json")).size, sim.size("org/model", "config.json"));
}

TEST_F(HubTest, AnAbsentFileIsAbsentAtACommit) {
  const auto answer = head(file("org/model", "nope.json"));
  EXPECT_TRUE(answer.absent());
  EXPECT_EQ(answer.commit, sim.sha("org/model"));
  EXPECT_EQ(answer.error_message, "Entry not found");
  EXPECT_FALSE(answer.digest);
}

TEST_F(HubTest, OfALongMessageTheBeginningIsKept) {
  sim.set_fault({.kind = Fault::Kind::kStatus,
                 .status = 404,
                 .headers = {{"X-Error-Message", std::string(15'000, 'x')}}});
  EXPECT_EQ(head(file("org/model", "config.json")).error_message, std::string(1'000, 'x'));
}

TEST_F(HubTest, AnAbsentRevisionIsNoAbsentFile) {
  const auto answer = head(file("org/model", "config.json", "nope"));
  EXPECT_EQ(answer.status, 404);
  EXPECT_EQ(answer.error_code, "RevisionNotFound");
  EXPECT_FALSE(answer.absent());
}

// SECURITY 9
TEST_F(HubTest, OldAndMiscasedNamesEndAtTheCanonicalRepo) {
  EXPECT_EQ(head(file("org/old-name", "config.json")).canonical, model("org/new-name"));
  EXPECT_EQ(head(file("ORG/Model", kWeights)).canonical, model("org/model"));
  EXPECT_EQ(auth(model("org/old-name")).canonical, model("org/new-name"));
  EXPECT_EQ(document(model("org/old-name"), "/api/models/org/old-name").canonical,
            model("org/new-name"));
}

TEST_F(HubTest, RefusalsAreValuesAsTheHubWordsThem) {
  const auto missing = head(file("org/none", "config.json"));
  EXPECT_EQ(missing.status, 401);
  EXPECT_EQ(missing.error_code, "RepoNotFound");  // added: the Hub names none
  EXPECT_EQ(missing.error_message, "Invalid username or password.");
  const auto gated = head(file("org/gated", "config.json"));
  EXPECT_EQ(gated.status, 401);
  EXPECT_EQ(gated.error_code, "GatedRepo");
  const auto not_listed = head(file("org/gated", "config.json"), caller("hf_other"));
  EXPECT_EQ(not_listed.status, 403);
  EXPECT_EQ(not_listed.error_code, "GatedRepo");
  const auto hidden = head(file("org/private", "config.json"), caller("hf_other"));
  EXPECT_EQ(hidden.status, 404);
  EXPECT_EQ(hidden.error_code, "RepoNotFound");
  EXPECT_EQ(head(file("org/private", "config.json"), caller("hf_good")).status, 200);
}

TEST_F(HubTest, AuthCheckSaysWhoMayRead) {
  EXPECT_EQ(auth(model("org/model")).status, 200);
  EXPECT_EQ(auth(model("org/gated")).error_code, "GatedRepo");
  EXPECT_EQ(auth(model("org/gated"), caller("hf_good")).status, 200);
  EXPECT_EQ(auth(model("org/gated"), caller("hf_other")).status, 403);
  EXPECT_EQ(auth(model("org/private")).status, 401);
  EXPECT_EQ(auth(model("org/private")).error_code, "RepoNotFound");
  EXPECT_EQ(auth(model("org/private"), caller("hf_other")).status, 404);
}

TEST_F(HubTest, WithoutAuthCheckOnlyAnAnonymousInfoDocumentMakesARepoPublic) {
  auto behaviour = sim.behaviour();
  behaviour.auth_check = false;
  sim.set_behaviour(behaviour);
  EXPECT_EQ(auth(model("org/model")).status, 200);
  for (const auto* repo : {"org/gated", "org/private", "org/none"}) {
    EXPECT_EQ(auth(model(repo)).status, 404) << repo;
    EXPECT_EQ(auth(model(repo)).error_code, "") << repo;
  }
  EXPECT_EQ(auth(model("org/gated"), caller("hf_good")).status, 404);
  EXPECT_EQ(auth(model("org/model"), caller("hf_good")).status, 404);
}

// SECURITY 3
TEST_F(HubTest, TheRemotesRightGoesToTheHubAndNotToTheCdn) {
  remote.token = "hf_good";
  remote.headers = {{"X-Gate", "secret"}};
  const auto stream = runner.run(hubs[0]->open_file(
      endpoint(), by_remote(), file("org/private", kWeights), "", std::nullopt, 0, 100));
  EXPECT_EQ(stream.response.status, 206);
  EXPECT_EQ(sim.cdn_authorizations(), 0U);
  for (const auto& exchange : sim.log()) {
    const bool hub = exchange.host == hubsim::Host::kHub;
    EXPECT_EQ(exchange.header("Authorization"), hub ? "Bearer hf_good" : "");
    EXPECT_EQ(exchange.header("X-Gate"), hub ? "secret" : "");
    EXPECT_EQ(exchange.header("Via"), hub ? "1.1 self" : "");
    EXPECT_EQ(exchange.header("Accept"), "*/*");
    EXPECT_EQ(exchange.header("Accept-Encoding"), "identity");
  }
}

// SECURITY 17
TEST_F(HubTest, RedirectsThatLeaveTheHubAreNotFollowedForMetadata) {
  for (const auto* match : {"config.json", "auth-check", "api/models/org/model"}) {
    sim.set_fault(redirect(match, sim.cdn_url() + "/org/model/resolve/main/config.json"));
  }
  const auto kind = [](auto call) { return test::kind_thrown_by(call); };
  EXPECT_EQ(kind([this] { head(file("org/model", "config.json"), caller("hf_good")); }),
            Error::Kind::kUpstream);
  EXPECT_EQ(kind([this] { auth(model("org/model"), caller("hf_good")); }), Error::Kind::kUpstream);
  EXPECT_EQ(kind([this] { document(model("org/model"), "/api/models/org/model"); }),
            Error::Kind::kUpstream);
  EXPECT_EQ(asked_cdn(), 0U);
}

// SECURITY 17
TEST_F(HubTest, RedirectsEndAfterFiveHops) {
  sim.set_fault(redirect("/resolve/", "/org/model/resolve/main/config.json"));
  EXPECT_EQ(test::kind_thrown_by([this] { head(file("org/model", "config.json")); }),
            Error::Kind::kUpstream);
  EXPECT_EQ(asked(), 6U);
}

// SECURITY 17
TEST_F(HubTest, RedirectsToOtherSchemesOrWithUserinfoAreRefused) {
  for (const auto* to : {"file:///etc/passwd", "ftp://127.0.0.1/x", "http://user:pw@127.0.0.1/x"}) {
    sim.clear_faults();
    sim.set_fault(redirect("/resolve/", to));
    EXPECT_EQ(test::kind_thrown_by([this] { head(file("org/model", "config.json")); }),
              Error::Kind::kUpstream)
        << to;
  }
}

TEST_F(HubTest, TroubleIsTriedAgainWithinMaxRetries) {
  remote.max_retries = 1;
  sim.set_fault(status(503, "config.json", 1));
  EXPECT_EQ(head(file("org/model", "config.json")).status, 200);
  sim.clear_faults();
  sim.clear_log();
  sim.set_fault(status(503, "tokenizer.json", 100));
  EXPECT_EQ(test::kind_thrown_by([this] { head(file("org/model", "tokenizer.json")); }),
            Error::Kind::kUpstream);
  EXPECT_EQ(asked(), 2U);
}

TEST_F(HubTest, ALimitThatEndsTooLateIsToldAtOnce) {
  remote.max_retries = 3;
  sim.set_fault(status(429, "config.json", 100));
  try {
    head(file("org/model", "config.json"));
    ADD_FAILURE();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), Error::Kind::kTooManyRequests);
    EXPECT_EQ(error.hub().status, 429);
  }
  EXPECT_EQ(asked(), 1U);
}

TEST_F(HubTest, AHubThatIsGoneIsAnUpstreamError) {
  sim.stop();
  remote.max_retries = 1;
  EXPECT_EQ(test::kind_thrown_by([this] { head(file("org/model", "config.json")); }),
            Error::Kind::kUpstream);
}

TEST_F(HubTest, SecurityRule15ADocumentThatUnpacksToMoreThanTheLimitIsRefused) {
  const auto usual = document(model("org/model"), "/api/models/org/model");
  const auto ask_with = [&](std::size_t most) {
    Hub::Options options{.instance_id = "self", .max_document_bytes = most};
    Hub limited(*clients[0], outages, limits, std::move(options), clock);
    return runner.run(limited.document(
        endpoint(), anonymous(), {.repo = model("org/model"), .target = "/api/models/org/model"}));
  };
  EXPECT_EQ(ask_with(usual.body.size()).body, usual.body);
  EXPECT_EQ(test::kind_thrown_by([&] { ask_with(usual.body.size() - 1); }), Error::Kind::kUpstream);
}

TEST_F(HubTest, SecurityRule15DocumentsHaveTheRoomThatIsLeftForThem) {
  std::vector<hubsim::Change> changes;
  for (int i = 0; i < 800; ++i)
    changes.push_back({.path = std::string(100, 'x') + std::to_string(i), .content = "a"});
  sim.commit("org/model", "main", std::move(changes));
  const std::string target = "/api/models/org/model/tree/main";
  const auto size = document(model("org/model"), target).body.size();
  const auto room = std::make_shared<MemoryRoom>(size);
  Hub counted(*clients[0], outages, limits, {.instance_id = "self", .room = room}, clock);
  const auto ask = [&] {
    return runner.run(
        counted.document(endpoint(), anonymous(), {.repo = model("org/model"), .target = target}));
  };
  std::optional<DocumentAnswer> held = ask();
  EXPECT_EQ(test::kind_thrown_by(ask), Error::Kind::kUnavailable);
  EXPECT_EQ(runner.run(counted.auth_check(endpoint(), anonymous(), model("org/model"))).status, 200)
      << "a right is asked for all the same";
  held.reset();
  EXPECT_EQ(ask().body.size(), size);
}

TEST_F(HubTest, DocumentsComeUnpackedWithTheirHeaders) {
  const auto tree = document(model("org/model"), "/api/models/org/model/tree/main?limit=2");
  EXPECT_EQ(tree.status, 200);
  EXPECT_THAT(tree.content_type, StartsWith("application/json"));
  EXPECT_THAT(std::string(tree.body), StartsWith("["));
  EXPECT_THAT(tree.link, HasSubstr("rel=\"next\""));
  EXPECT_THAT(tree.etag, StartsWith("W/"));
  EXPECT_EQ(sim.log().back().header("Accept-Encoding"), "gzip");
  const auto info = document(model("org/model"), "/api/models/org/model/revision/main");
  EXPECT_THAT(std::string(info.body), HasSubstr(sim.sha("org/model")));
}

TEST_F(HubTest, RefusedDocumentsAreValues) {
  const auto answer = document(model("org/model"), "/api/models/org/model/revision/nope");
  EXPECT_EQ(answer.status, 404);
  EXPECT_EQ(answer.error_code, "RevisionNotFound");
  EXPECT_EQ(document(model("org/none"), "/api/models/org/none").error_code, "RepoNotFound");
}

TEST_F(HubTest, ABasePathGoesBeforeEveryRoute) {
  remote.base.path = "/pulp/content/hf/";
  EXPECT_EQ(head(file("org/model", "config.json")).status, 404);
  EXPECT_EQ(sim.log().back().target, "/pulp/content/hf/org/model/resolve/main/config.json");
}

}  // namespace
}  // namespace hubcache::hub
