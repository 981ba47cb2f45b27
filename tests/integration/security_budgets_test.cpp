// SECURITY 19: what one client may cause upstream.
#include <functional>
#include <future>
#include <thread>

#include <nlohmann/json.hpp>
#include <sys/socket.h>

#include "integration/fixture.h"

namespace hubcache::test {
namespace {

using namespace std::chrono_literals;
using hubsim::Content;
using hubsim::Fault;
using hubsim::Host;
using hubsim::Storage;

/// Requests of this test all come from 127.0.0.1, or from whom they say by a trusted proxy.
class SecurityBudgetsTest : public ServerTest {
 protected:
  SecurityBudgetsTest() { config.server.public_name.trusted_proxies = {"127.0.0.1"}; }
  Answer get_as(std::string_view client, std::string_view path, Fields fields = {}) {
    fields.emplace_back("X-Forwarded-For", std::string(client));
    return get(path, {}, std::move(fields));
  }
  void stream_only() {
    const auto remotes = nlohmann::json::parse(rest("GET", kRemotes).body);
    const auto remote = remotes["results"][0]["pulp_href"].get<std::string>();
    ASSERT_EQ(rest("PATCH", remote, R"({"policy": "streamed"})").status, 202);
  }
  void start_measured() {
    config.server.metrics_listen = {"127.0.0.1:0"};
    restart();
  }
  /// Leaves when `is_time`, without an answer.
  void ask_and_leave(const std::string& client, const std::string& path,
                     const std::function<bool()>& is_time) const {
    const Fd connection = connect_to(port);
    const auto request = "GET /pulp/content/hf" + path +
                         " HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Forwarded-For: " + client + "\r\n\r\n";
    ::send(connection.get(), request.data(), request.size(), MSG_NOSIGNAL);
    while (!is_time()) std::this_thread::yield();
  }
};

TEST_F(SecurityBudgetsTest, Rule19MissesAreLimitedByClientAndHitsAreNot) {
  config.upstream.client_misses = 3;
  restart();
  const std::string file = "/org/model/resolve/main/";
  EXPECT_EQ(get_as("10.0.0.1", file + "config.json").status, 200);
  EXPECT_EQ(get_as("10.0.0.1", "/api/models/org/model/revision/main").status, 200);
  EXPECT_EQ(get_as("10.0.0.1", "/api/models?limit=1").status, 200);
  wait_stored(1);
  hub.clear_log();

  const auto refused = get_as("10.0.0.1", file + "model.safetensors");
  EXPECT_EQ(refused.status, 429);
  EXPECT_NE(refused.header("retry-after"), "");
  EXPECT_EQ(hub.body_bytes(Host::kCdn), 0u);
  for (const auto path : {"/api/models?limit=2", "/api/models/org/model/refs"}) {
    hub.clear_log();
    EXPECT_EQ(get_as("10.0.0.1", path).status, 429) << path;
    EXPECT_EQ(hub_requests("/api/models?"), 0u);
    EXPECT_EQ(hub_requests("refs"), 0u);
  }
  EXPECT_EQ(get_as("10.0.0.1", file + "config.json").status, 200);
  EXPECT_EQ(get_as("10.0.0.1", "/api/models/org/model/revision/main").status, 200);
  EXPECT_EQ(get_as("10.0.0.2", file + "model.safetensors").status, 200);
  wait_stored(2);
  EXPECT_EQ(get_as("10.0.0.1", file + "model.safetensors").status, 200) << "it is a hit by now";
  clock.advance(1h);
  EXPECT_EQ(get_as("10.0.0.1", "/api/models/org/model/refs").status, 200);
}

TEST_F(SecurityBudgetsTest, Rule22LoginsAtAGuardAreLimitedByClientBehindAProxyToo) {
  using Json = nlohmann::json;
  restart();
  const auto made = rest("POST", "/pulp/api/v3/contentguards/core/rbac/", R"({"name":"team"})");
  const Json guarded{{"content_guard", Json::parse(made.body).at("pulp_href")}};
  const auto distributions = Json::parse(rest("GET", kDistributions).body).at("results");
  const auto href = distributions.at(0).at("pulp_href").get<std::string>();
  ASSERT_EQ(rest("PATCH", href, guarded.dump()).status, 202);

  const Fields wrong{{"Authorization", "Basic YWRtaW46d3Jvbmc="}};      // admin:wrong
  const Fields right{{"Authorization", "Basic YWRtaW46cGFzc3dvcmQ="}};  // admin:password
  int status = 0;
  for (int i = 0; i < 60 && status != 429; ++i) {
    status = get_as("10.0.0.1", kConfig, wrong).status;
    ASSERT_NE(status, 200);
  }
  EXPECT_EQ(status, 429);
  EXPECT_EQ(get_as("10.0.0.1", kConfig, right).status, 429) << "nor may it go on guessing";
  EXPECT_EQ(get_as("10.0.0.2", kConfig, right).status, 200);
}

TEST_F(SecurityBudgetsTest, Rule19BytesAreLimitedByClient) {
  hub.add_file("org/model", "a.bin", Content::generated(4 * kMiB, 7), Storage::kLfs);
  hub.add_file("org/model", "b.bin", Content::generated(4 * kMiB, 8), Storage::kLfs);
  config.upstream.client_bytes = 5 * kMiB;
  restart();
  EXPECT_EQ(get_as("10.0.0.1", "/org/model/resolve/main/a.bin").status, 200);
  EXPECT_EQ(get_as("10.0.0.1", "/org/model/resolve/main/b.bin", {{"Range", "bytes=0-9"}}).status,
            206);
  EXPECT_EQ(get_as("10.0.0.1", "/org/model/resolve/main/b.bin").status, 200);
  hub.add_file("org/model", "c.bin", Content::generated(4 * kMiB, 9), Storage::kLfs);
  clock.advance(2min);
  const auto refused = get_as("10.0.0.1", "/org/model/resolve/main/c.bin");
  EXPECT_EQ(refused.status, 429);
  EXPECT_EQ(get_as("10.0.0.3", "/org/model/resolve/main/c.bin").status, 200);
}

TEST_F(SecurityBudgetsTest, Rule19WhoLeavesBeforeTheFirstBytePaysOnceForWhatComes) {
  hub.add_file("org/model", "a.bin", Content::generated(4 * kMiB, 7), Storage::kLfs);
  hub.add_file("org/model", "b.bin", Content::generated(4 * kMiB, 8), Storage::kLfs);
  config.upstream.client_bytes = kMiB;
  start_measured();
  hub.set_fault({.kind = Fault::Kind::kHold, .host = Host::kCdn, .match = "a.bin", .offset = 0});
  ask_and_leave("10.0.0.1", "/org/model/resolve/main/a.bin",
                [this] { return hub.count(Host::kCdn, "GET", "a.bin") == 1; });
  while (metric("hubcache_waiting_readers") > 0) std::this_thread::yield();
  hub.release();
  wait_stored(1);
  const auto refused = get_as("10.0.0.1", "/org/model/resolve/main/b.bin");
  EXPECT_EQ(refused.status, 429);
  EXPECT_EQ(refused.header("retry-after"), "10801") << "3 MiB too much, at 1 MiB an hour";
}

TEST_F(SecurityBudgetsTest, Rule19WhoLeavesBeforeItsTurnPaysNothing) {
  hub.add_file("org/model", "a.bin", Content::generated(4 * kMiB, 7), Storage::kLfs);
  hub.add_file("org/model", "b.bin", Content::generated(4 * kMiB, 8), Storage::kLfs);
  config.upstream.client_bytes = kMiB;
  config.upstream.max_connections = 1;
  start_measured();
  hub.set_fault({.kind = Fault::Kind::kHold, .host = Host::kCdn, .match = "a.bin", .offset = kMiB});
  auto reading = std::async(std::launch::async, [this] {
    return get_as("10.0.0.2", "/org/model/resolve/main/a.bin").status;
  });
  while (hub.count(Host::kCdn, "GET", "a.bin") == 0) std::this_thread::yield();
  const std::string b = "/org/model/resolve/main/b.bin";
  ask_and_leave("10.0.0.1", b, [this] { return metric("hubcache_upstream_queue") == 1; });
  while (metric("hubcache_fills_running") > 1) std::this_thread::yield();
  hub.release();
  EXPECT_EQ(reading.get(), 200);
  EXPECT_EQ(hub.count(Host::kCdn, "GET", "b.bin"), 0U);
  EXPECT_EQ(get_as("10.0.0.1", b).status, 200);
}

TEST_F(SecurityBudgetsTest, Rule19AStreamedRemoteCountsToo) {
  config.upstream.client_misses = 1;
  restart();
  stream_only();
  EXPECT_EQ(get_as("10.0.0.1", kConfig).status, 200);
  EXPECT_EQ(get_as("10.0.0.1", kConfig).status, 429);
}

TEST_F(SecurityBudgetsTest, Rule19WhatTheHubFailsToDeliverCostsNothing) {
  config.upstream.client_misses = 1;
  restart();
  stream_only();
  EXPECT_EQ(head(kConfig).status, 200);
  hub.set_fault({.kind = Fault::Kind::kStatus, .method = "GET", .status = 403});
  EXPECT_EQ(get_as("10.0.0.1", kConfig).status, 403);
  hub.clear_faults();
  EXPECT_EQ(get_as("10.0.0.1", kConfig).status, 200);
}

}  // namespace
}  // namespace hubcache::test
