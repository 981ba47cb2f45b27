// The Hub does not answer, or must not be asked: what is cached is served, and nobody waits.
#include <future>

#include <nlohmann/json.hpp>

#include "integration/fixture.h"

namespace hubcache::test {
namespace {

using namespace std::chrono_literals;
using hubsim::Fault;
using hubsim::Host;

constexpr std::string_view kUnknownFile = "/org/model/resolve/dev/config.json";
constexpr std::string_view kUnknownDocument = "/api/models/org/model/tree/dev";

class OutagesTest : public ServerTest {
 protected:
  OutagesTest() {
    for (const auto path : {kConfig, kBig, kInfo}) EXPECT_EQ(get(path).status, 200);
  }

  void expect_cached_is_served_and_the_rest_fails() {
    for (const auto path : {kConfig, kBig, kInfo}) {
      EXPECT_EQ(get(path).status, 200) << path;
      EXPECT_EQ(head(path).status, 200) << path;
    }
    for (const auto path : {kUnknownFile, kUnknownDocument}) {
      for (const auto& answer : {get(path), head(path)}) {
        EXPECT_TRUE(answer.status == 502 || answer.status == 504) << path << answer.status;
        EXPECT_NE(answer.header("x-error-message"), "") << path;
      }
    }
  }
  std::string remote() {
    const auto remotes = nlohmann::json::parse(rest("GET", kRemotes).body);
    return remotes.at("results").at(0).at("pulp_href");
  }
};

TEST_F(OutagesTest, AHubThatIsGoneIsLookedForOnceInAWhile) {
  hub.stop();
  clock.advance(2min);
  expect_cached_is_served_and_the_rest_fails();
  hub.start();
  hub.clear_log();
  expect_cached_is_served_and_the_rest_fails();
  EXPECT_EQ(hub_requests(), 0u);
  clock.advance(5s);
  EXPECT_EQ(get(kUnknownFile).status, 200);
  EXPECT_EQ(get(kUnknownDocument).status, 200);
}

TEST_F(OutagesTest, AHubThatFailsIsLeftAlone) {
  clock.advance(2min);
  hub.set_fault({.kind = Fault::Kind::kStatus, .status = 503});
  expect_cached_is_served_and_the_rest_fails();
  hub.clear_log();
  expect_cached_is_served_and_the_rest_fails();
  EXPECT_EQ(hub_requests(), 0u);
  clock.advance(5s);
  EXPECT_EQ(get(kConfig).status, 200);
  EXPECT_EQ(hub_requests(), 1u);
}

TEST_F(OutagesTest, AHubThatNeverAnswersIsWaitedForOnce) {
  rest("PATCH", remote(), R"({"sock_read_timeout":0.2})");
  clock.advance(2min);
  hub.set_fault({.kind = Fault::Kind::kDelay, .delay = 1h});
  expect_cached_is_served_and_the_rest_fails();
  hub.clear_log();
  expect_cached_is_served_and_the_rest_fails();
  EXPECT_EQ(hub_requests(), 0u);
}

// Each question could still take its time; what is asked one after the other shares it.
TEST_F(OutagesTest, QuestionsInARowTogetherTakeNoLongerThanOne) {
  const auto hold = [this](Host host, std::string part, std::chrono::milliseconds time) {
    hub.set_fault(
        {.kind = Fault::Kind::kDelay, .host = host, .match = std::move(part), .delay = time});
  };
  hold(Host::kHub, "gpt2/auth-check", 3s);
  hold(Host::kHub, "gpt2/tree", 1h);
  hold(Host::kHub, "org/gated/resolve", 3s);
  hold(Host::kCdn, "", 1h);
  auto tree = std::async(std::launch::async, [&] { return get("/api/models/gpt2/tree/main"); });
  const auto file = get("/org/gated/resolve/main/model.safetensors", "hf_good");
  for (const auto& answer : {file, tree.get()}) {
    EXPECT_EQ(answer.status, 504);
    EXPECT_EQ(answer.header("x-error-message"), "an answer did not come in time");
  }
  hub.clear_faults();
  EXPECT_EQ(get("/org/gated/resolve/main/model.safetensors", "hf_good").status, 200);
}

TEST_F(OutagesTest, ACdnThatFailsKeepsNobodyFromTheHub) {
  hub.set_fault({.kind = Fault::Kind::kStatus, .host = Host::kCdn, .status = 503});
  EXPECT_GE(get("/gpt2/resolve/main/model.safetensors").status, 500);
  EXPECT_EQ(get("/gpt2/resolve/main/config.json").status, 200);
}

TEST_F(OutagesTest, OfflineNothingIsAskedUpstream) {
  ASSERT_EQ(head("/gpt2/resolve/main/model.safetensors").status, 200);  // without its bytes
  config.upstream.offline = true;
  restart();
  hub.clear_log();
  clock.advance(2h);
  expect_cached_is_served_and_the_rest_fails();
  EXPECT_EQ(head("/gpt2/resolve/main/model.safetensors").status, 200);
  for (const auto path :
       {kUnknownFile, kUnknownDocument, std::string_view("/gpt2/resolve/main/model.safetensors")}) {
    const auto answer = get(path);
    EXPECT_EQ(answer.status, 502) << path;
    EXPECT_TRUE(answer.header("x-error-message").starts_with("hubcache is offline")) << path;
  }
  EXPECT_EQ(hub_requests() + hub.count(Host::kCdn), 0u);
}

TEST_F(OutagesTest, ARemoteIsOfflineByItsLabelAndAtOnce) {
  const auto set = R"({"key":"hubcache.offline","value":"true"})";
  ASSERT_EQ(rest("POST", remote() + "set_label/", set).status, 201);
  hub.clear_log();
  clock.advance(2min);
  expect_cached_is_served_and_the_rest_fails();
  EXPECT_EQ(hub_requests(), 0u);
  ASSERT_EQ(rest("POST", remote() + "unset_label/", R"({"key":"hubcache.offline"})").status, 201);
  EXPECT_EQ(get(kUnknownFile).status, 200);
}

}  // namespace
}  // namespace hubcache::test
