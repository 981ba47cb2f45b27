// The Hub wants fewer requests, or the operator does: hubcache asks less, and says when to return.
#include <future>
#include <thread>
#include <vector>

#include <nlohmann/json.hpp>

#include "integration/fixture.h"

namespace hubcache::test {
namespace {

using namespace std::chrono_literals;
using hubsim::Fault;
using hubsim::Host;

class LimitsTest : public ServerTest {
 protected:
  void limit(std::string match = {}, std::string method = {}) {
    hub.set_fault({.kind = Fault::Kind::kStatus,
                   .match = std::move(match),
                   .method = std::move(method),
                   .status = 429});
  }
  void limit_once(std::string match, std::string method, std::string ratelimit) {
    hub.set_fault({.kind = Fault::Kind::kStatus,
                   .match = std::move(match),
                   .method = std::move(method),
                   .status = 429,
                   .headers = {{"ratelimit", std::move(ratelimit)}},
                   .count = 1});
  }
};

TEST_F(LimitsTest, ClientsAreToldHowLongItLastsAndTheHubIsNotAskedMeanwhile) {
  ASSERT_EQ(get(kConfig).status, 200);
  limit("/api/");
  EXPECT_EQ(get(kInfo).status, 429);
  hub.clear_faults();
  hub.clear_log();
  clock.advance(20s);
  for (const auto& answer : {get(kInfo), head(kInfo), get("/api/models?limit=1")}) {
    EXPECT_EQ(answer.status, 429);
    EXPECT_EQ(answer.header("retry-after"), "36");
    EXPECT_EQ(answer.header("ratelimit"), R"("api";r=0;t=35)");
    EXPECT_EQ(answer.header("ratelimit-policy"), R"("fixed window";"api";q=500;w=300)");
  }
  EXPECT_EQ(hub_requests(), 0u);
  EXPECT_EQ(get("/api/whoami-v2", "hf_good").status, 200);  // counted for itself
  clock.advance(36s);
  EXPECT_EQ(get(kInfo).status, 200);
}

TEST_F(LimitsTest, WhatIsStaleServesAtOnce) {
  for (const auto path : {kConfig, kInfo}) ASSERT_EQ(get(path).status, 200);
  clock.advance(2min);
  hub.clear_log();
  // Short enough to be waited for, if there were nothing to serve.
  limit_once("/api/", "", R"("api";r=0;t=1)");
  limit_once("/resolve/", "", R"("resolvers";r=0;t=1)");
  for (int i = 0; i < 2; ++i) {
    for (const auto path : {kConfig, kInfo}) {
      EXPECT_EQ(get(path).status, 200) << path;
      EXPECT_EQ(head(path).status, 200) << path;
    }
  }
  EXPECT_EQ(hub_requests(), 2u);
}

TEST_F(LimitsTest, SecurityRule7ARightIsNotProlongedByALimit) {
  ASSERT_EQ(get(kPrivate, "hf_good").status, 200);
  clock.advance(6min);
  limit();
  EXPECT_EQ(get(kPrivate, "hf_good").status, 429);
  EXPECT_EQ(head(kPrivate, "hf_good").status, 429);
}

TEST_F(LimitsTest, AShortLimitIsWaitedFor) {
  limit_once("/resolve/main/config.json", "HEAD", R"("resolvers";r=0;t=0)");
  EXPECT_EQ(get(kConfig).status, 200);
}

TEST_F(LimitsTest, AFillWaitsAndGoesOn) {
  limit_once("config.json", "GET", R"("resolvers";r=0;t=0)");
  const auto answer = get(kConfig);
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.body, hub.bytes("org/model", "config.json"));
}

TEST_F(LimitsTest, WhoWouldWaitLongForAFillIsToldSo) {
  limit("config.json", "GET");
  for (int i = 0; i < 2; ++i) {
    const auto answer = get(kConfig);
    EXPECT_EQ(answer.status, 429);
    EXPECT_GT(std::stoi(answer.header("retry-after")), 50);
    EXPECT_LE(std::stoi(answer.header("retry-after")), 56);
  }
  EXPECT_EQ(hub.count(Host::kHub, "GET", "config.json"), 1u);
}

TEST_F(LimitsTest, ARateLimitCountsFromTheNextRequestOn) {
  ASSERT_EQ(get(kConfig).status, 200);
  const auto remotes = nlohmann::json::parse(rest("GET", kRemotes).body);
  const std::string remote = remotes.at("results").at(0).at("pulp_href");
  ASSERT_EQ(rest("PATCH", remote, R"({"rate_limit":4})").status, 202);
  const auto begin = std::chrono::steady_clock::now();
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(get("/api/models/org/model/tree/main?limit=" + std::to_string(i + 1)).status, 200);
  }
  EXPECT_GE(std::chrono::steady_clock::now() - begin, 750ms);  // the clock of the turns stands
}

struct Question {
  std::string name;
  std::string method;
  std::string path;
  std::string body;
};

class FlightTest : public ServerTest, public testing::WithParamInterface<Question> {};

TEST_P(FlightTest, IsAskedOnceForAllWhoAskMeanwhile) {
  const auto& question = GetParam();
  ASSERT_EQ(get(kConfig).status, 200);  // the right is known
  hub.clear_log();
  hub.set_fault({.kind = Fault::Kind::kDelay, .delay = 1h});
  std::vector<std::future<int>> clients;
  for (int i = 0; i < 6; ++i) {
    clients.push_back(std::async(std::launch::async, [&] {
      Fields fields;
      if (!question.body.empty()) {
        fields.emplace_back("Content-Type", "application/x-www-form-urlencoded");
      }
      return fetch(port, "/pulp/content/hf" + question.path, fields, question.method, question.body)
          .status;
    }));
  }
  while (hub_requests() == 0) std::this_thread::yield();
  for (int i = 0; i < 50; ++i) fetch(port, "/healthz");  // so that those who came before are served
  EXPECT_EQ(hub_requests(), 1u);
  hub.clear_faults();
  for (auto& client : clients) EXPECT_EQ(client.get(), 200);
}

INSTANTIATE_TEST_SUITE_P(
    Questions, FlightTest,
    testing::Values(Question{"info", "GET", "/api/models/org/model", ""},
                    Question{"revision", "GET", "/api/models/org/model/revision/dev", ""},
                    Question{"tree", "GET", "/api/models/org/model/tree/dev", ""},
                    Question{"pathsInfo", "POST", "/api/models/org/model/paths-info/main",
                             "paths=README.md"},
                    Question{"refs", "GET", "/api/models/org/model/refs", ""},
                    Question{"commits", "GET", "/api/models/org/model/commits/main", ""},
                    Question{"list", "GET", "/api/models?limit=1", ""},
                    Question{"harnesses", "GET", "/api/agent-harnesses", ""},
                    Question{"authCheck", "GET", "/api/models/gpt2/auth-check", ""},
                    Question{"head", "HEAD", "/org/model/resolve/dev/config.json", ""},
                    Question{"raw", "HEAD", "/org/model/raw/dev/config.json", ""}),
    [](const testing::TestParamInfo<Question>& row) { return row.param.name; });

}  // namespace
}  // namespace hubcache::test
