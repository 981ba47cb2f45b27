// What a scrape, `hubcache status` and the API say of one server, and to whom.
#include <algorithm>
#include <cerrno>
#include <functional>
#include <future>
#include <map>
#include <set>
#include <thread>
#include <vector>

#include <nlohmann/json.hpp>

#include "hubcache/app/commands.h"

#include "integration/fixture.h"

namespace hubcache::test {
namespace {

using hubsim::Content;
using hubsim::Fault;
using hubsim::Host;
using hubsim::Storage;
using Json = nlohmann::json;

constexpr std::string_view kStatus = "/pulp/api/v3/status/";
const std::pair<std::string, std::string> kLogin{"Authorization", "Basic YWRtaW46cGFzc3dvcmQ="};

class MetricsTest : public ServerTest {
 protected:
  MetricsTest() {
    config.server.metrics_listen = {"127.0.0.1:0"};
    restart();
  }

  /// What is counted when an answer has gone out may come a moment after its last byte.
  void wait_for(const std::function<bool(const Scrape&)>& holds) const {
    while (!holds(scrape())) std::this_thread::yield();
  }
  Json status() const { return app::order_command({.config = config}, {{"do", "status"}}); }
};

TEST_F(MetricsTest, RequestsHitsAndBytesAreCountedAsTheyWere) {
  const auto size = static_cast<double>(hub.size("org/model", "model.safetensors"));
  ASSERT_EQ(get(kBig).status, 200);
  wait_stored(1);
  ASSERT_EQ(get(kBig).status, 200);
  ASSERT_EQ(head(kBig).status, 200);
  ASSERT_EQ(get("/org/model/resolve/main/absent").status, 404);
  ASSERT_EQ(get(kInfo).status, 200);
  ASSERT_EQ(rest("GET", kRemotes).status, 200);
  ASSERT_EQ(rest("GET", "/pulp/api/v3/nothing/").status, 404);
  ASSERT_EQ(fetch(port, "/healthz").status, 200);
  ASSERT_EQ(fetch(port, "/-/nothing").status, 404);
  const std::string sent = "hubcache_sent_bytes_total";
  wait_for([&](const Scrape& now) { return sum(now, sent, "\"cache\"") >= size; });

  const auto now = scrape();
  const std::string requests = "hubcache_requests_total";
  EXPECT_EQ(sum(now, requests, R"(route="resolve",status="200")"), 3);
  EXPECT_EQ(sum(now, requests, R"(route="resolve",status="404")"), 1);
  EXPECT_EQ(sum(now, requests, R"(route="info",status="200")"), 1);
  EXPECT_EQ(sum(now, requests, R"(route="rest",status="200")"), 1);
  EXPECT_EQ(sum(now, requests, R"(route="rest",status="404")"), 1);
  EXPECT_EQ(sum(now, requests, R"(route="page",status="404")"), 1);
  EXPECT_EQ(sum(now, "hubcache_errors_total", "kind=\"not_found\""), 1);
  const std::string hits = "hubcache_hits_total";
  EXPECT_EQ(sum(now, hits, "miss"), 1);
  EXPECT_EQ(sum(now, hits, "memory") + sum(now, hits, "disk"), 1);
  EXPECT_EQ(sum(now, hits), 2);
  EXPECT_EQ(sum(now, sent, "\"cache\""), size);
  EXPECT_GE(sum(now, sent, "\"upstream\""), size);
  EXPECT_GE(sum(now, "hubcache_upstream_received_bytes_total"), size);
  EXPECT_LT(sum(now, "hubcache_upstream_received_bytes_total"), 2 * size) << "one download";
  const std::string first_byte = "hubcache_time_to_first_byte_seconds_count";
  EXPECT_EQ(sum(now, first_byte, "\"cache\""), 1);
  EXPECT_EQ(sum(now, first_byte, "\"upstream\""), 2) << "a file and a document";
  EXPECT_EQ(sum(now, "hubcache_fills_total", "stored"), 1);
  EXPECT_EQ(sum(now, "hubcache_blobs"), 1);
  EXPECT_EQ(sum(now, "hubcache_blobs_bytes"), size);
  EXPECT_GE(sum(now, "hubcache_store_used_bytes"), size);
  EXPECT_EQ(sum(now, "hubcache_build_info", "version=\""), 1);
  EXPECT_GE(sum(now, "hubcache_connections"), 0);
}

TEST_F(MetricsTest, AWarmWorkerHitsItsMemoryAndAnotherTheDisk) {
  ASSERT_EQ(get(kBig).status, 200);
  wait_stored(1);
  const std::string hits = "hubcache_hits_total";
  for (int i = 0; i < 4; ++i) ASSERT_EQ(get(kBig).status, 200);
  EXPECT_EQ(metric(hits, "disk"), 1);
  EXPECT_EQ(metric(hits, "memory"), 3);
  const auto held = connect_to(port);  // so the next one goes to the other worker
  for (int i = 0; i < 4; ++i) ASSERT_EQ(get(kBig).status, 200);
  EXPECT_GE(metric(hits, "disk"), 2) << "it opens each time what it knows by the first";
  EXPECT_EQ(metric(hits, "disk") + metric(hits, "memory"), 8);
}

TEST_F(MetricsTest, WhatTheHubIsAskedIsCountedByKindAndStatus) {
  const std::string calls = "hubcache_upstream_requests_total";
  ASSERT_EQ(get(kBig).status, 200);
  ASSERT_EQ(get(kInfo).status, 200);
  auto now = scrape();
  EXPECT_EQ(sum(now, calls, R"(kind="cdn")"), static_cast<double>(hub.count(Host::kCdn)));
  EXPECT_EQ(sum(now, calls), static_cast<double>(hub.count(Host::kCdn) + hub_requests()));
  EXPECT_EQ(sum(now, calls, R"(kind="right",status="200")"), 1);
  EXPECT_EQ(sum(now, calls, R"(kind="file",status="302")"), 1);
  EXPECT_EQ(sum(now, calls, R"(kind="document",status="200")"), 1);
  EXPECT_EQ(sum(now, "hubcache_upstream_request_seconds_count"), sum(now, calls));
  EXPECT_EQ(sum(now, "hubcache_grants_total", "granted"), 1);
  EXPECT_EQ(sum(now, "hubcache_upstream_budget_left", R"(limit="api",whose="anonymous")"), 497);
  EXPECT_EQ(sum(now, "hubcache_upstream_budget_left", R"(limit="resolvers")"), 2997);

  ASSERT_EQ(get(kPrivate).status, 401);
  EXPECT_EQ(metric("hubcache_grants_total", "refused"), 1);
  hub.set_fault({.kind = Fault::Kind::kReset, .host = Host::kHub});
  ASSERT_EQ(get("/api/models/org/model").status, 502);
  now = scrape();
  EXPECT_GE(sum(now, calls, R"(kind="document",status="none")"), 1);
  EXPECT_EQ(sum(now, "hubcache_upstream_outages"), 1);
  EXPECT_EQ(sum(now, "hubcache_errors_total", "kind=\"upstream\""), 1);
}

TEST_F(MetricsTest, ThatTheHubLimitsRequestsIsCountedFromNothing) {
  const std::string calls = "hubcache_upstream_requests_total";
  const auto before = scrape();
  for (const char* kind : {"right", "file", "document", "git", "bytes", "cdn"}) {
    const auto series = calls + "{kind=\"" + kind + R"(",status="429"})";
    ASSERT_TRUE(before.contains(series)) << series;
    EXPECT_EQ(before.at(series), 0);
  }
  EXPECT_EQ(sum(before, calls), 0) << "nothing was asked";
  hub.set_fault({.kind = Fault::Kind::kStatus, .host = Host::kHub, .status = 429});
  ASSERT_NE(get("/api/models/org/model").status, 200);
  EXPECT_GE(metric(calls, "status=\"429\""), 1);
}

TEST_F(MetricsTest, AFillThatRunsAndWhoWaitsForItAreShown) {
  hub.set_fault({.kind = Fault::Kind::kHold, .host = Host::kCdn, .offset = 1 << 20});
  auto first = std::async(std::launch::async, [this] { return get(kBig); });
  wait_for([](const Scrape& now) { return sum(now, "hubcache_waiting_readers") == 1; });
  auto second = std::async(std::launch::async, [this] { return get(kBig); });
  wait_for([](const Scrape& now) {
    return sum(now, "hubcache_waiting_readers") == 2 &&
           sum(now, "hubcache_hits_total", "partial") == 1;
  });
  EXPECT_EQ(metric("hubcache_fills_running"), 1);
  hub.release();
  EXPECT_EQ(first.get().body, second.get().body);
  wait_for([](const Scrape& now) { return sum(now, "hubcache_fills_running") == 0; });
  EXPECT_EQ(metric("hubcache_waiting_readers"), 0);
}

TEST_F(MetricsTest, ADownloadIsCountedByWhatWasWrongWithIt) {
  const std::string fills = "hubcache_fills_total";
  hub.add_file("org/model", "other.bin", Content::generated(4 * kMiB, 7), Storage::kLfs);
  hub.set_fault({.kind = Fault::Kind::kFlip, .host = Host::kCdn});
  EXPECT_FALSE(get(kBig).complete);
  wait_for([&](const Scrape& now) { return sum(now, fills, "corrupt") == 1; });
  hub.clear_faults();
  disk.fail(FaultyDisk::Call::kSync, EIO);
  EXPECT_EQ(get("/org/model/resolve/main/other.bin").status, 200);
  wait_for([&](const Scrape& now) { return sum(now, fills, "disk") == 1; });
  disk.stop_failing();
  EXPECT_EQ(metric(fills, "failed"), 0);
}

TEST_F(MetricsTest, WhatIsEvictedIsCounted) {
  config.storage.max_size = {.bytes = 40 * kMiB};
  restart();
  constexpr int kFiles = 6;
  hub.add_repo({.id = "org/room"});
  std::vector<hubsim::Change> changes;
  for (int i = 0; i < kFiles; ++i) {
    changes.push_back({.path = std::to_string(i) + ".bin",
                       .content = Content::generated(8 * kMiB, 500 + static_cast<unsigned>(i)),
                       .storage = Storage::kLfs});
  }
  hub.commit("org/room", "main", std::move(changes));
  for (int i = 0; i < kFiles; ++i) {
    ASSERT_EQ(get("/org/room/resolve/main/" + std::to_string(i) + ".bin").status, 200);
  }
  wait_for([](const Scrape& now) { return sum(now, "hubcache_fills_running") == 0; });
  const auto now = scrape();
  EXPECT_GE(sum(now, "hubcache_evictions_total", "blob"), 1);
  EXPECT_GE(sum(now, "hubcache_evicted_bytes_total"), 8.0 * kMiB);
  EXPECT_EQ(sum(now, "hubcache_store_limit_bytes"), 40.0 * kMiB);
  EXPECT_EQ(status().at("evicted_bytes"), sum(now, "hubcache_evicted_bytes_total"));
}

TEST_F(MetricsTest, StatusAndTheApiAgreeWithTheScrape) {
  ASSERT_EQ(get(kBig).status, 200);
  ASSERT_EQ(get(kInfo).status, 200);
  wait_for([](const Scrape& now) { return sum(now, "hubcache_fills_total", "stored") == 1; });
  Scrape before;
  Json command;
  // Whoever else uses the disk may change its numbers between two looks: then they are looked at
  // again.
  bool agree = false;
  for (int tries = 0; !agree && tries < 1'000; ++tries) {
    before = scrape();
    command = status();
    const auto api = Json::parse(fetch(port, kStatus).body).at("storage");
    const auto& disk = command.at("disk").at("filesystem");
    agree = disk == api && disk.at("total") == sum(before, "hubcache_filesystem_size_bytes") &&
            disk.at("used") == sum(before, "hubcache_filesystem_used_bytes") &&
            disk.at("free") == sum(before, "hubcache_filesystem_free_bytes");
  }
  EXPECT_TRUE(agree);
  EXPECT_EQ(command.at("disk").at("used"), sum(before, "hubcache_store_used_bytes"));
  EXPECT_EQ(command.at("blobs").at("count"), sum(before, "hubcache_blobs"));
  EXPECT_EQ(command.at("blobs").at("bytes"), sum(before, "hubcache_blobs_bytes"));
  for (const char* kind : {"memory", "disk", "partial", "miss", "pass"}) {
    EXPECT_EQ(command.at("hits").at(kind), sum(before, "hubcache_hits_total", kind)) << kind;
  }
  for (const char* source : {"cache", "upstream"}) {
    EXPECT_EQ(command.at("sent_bytes").at(source),
              sum(before, "hubcache_sent_bytes_total", '"' + std::string(source) + '"'));
  }
  const auto& upstream = command.at("upstream");
  EXPECT_EQ(upstream.at("requests"), sum(before, "hubcache_upstream_requests_total"));
  EXPECT_EQ(upstream.at("received_bytes"), sum(before, "hubcache_upstream_received_bytes_total"));
  EXPECT_EQ(upstream.at("budgets").size(), 2U);
  EXPECT_EQ(command.at("fills").at("ended").at("stored"), 1);
  EXPECT_EQ(command.at("grants").at("granted"), sum(before, "hubcache_grants_total", "granted"));
  EXPECT_EQ(command.at("running"), true);
  EXPECT_EQ(sum(before, "hubcache_build_info",
                "version=\"" + command.at("version").get<std::string>() + '"'),
            1);
}

TEST_F(MetricsTest, WithoutAServerStatusTellsWhatIsThere) {
  ASSERT_EQ(get(kBig).status, 200);
  wait_stored(1);
  stop();
  const auto found = status();
  EXPECT_EQ(found.at("running"), false);
  EXPECT_EQ(found.at("blobs").at("count"), 1);
  EXPECT_EQ(found.at("blobs").at("bytes"), hub.size("org/model", "model.safetensors"));
  EXPECT_GE(found.at("disk").at("used"), found.at("blobs").at("bytes"));
}

TEST_F(MetricsTest, SecurityRule23MetricsAreForWhoLogsInOrOnAListenerOfTheirOwn) {
  const auto made = app::order_command(
      {.config = config}, {{"do", "token.create"}, {"name", "scraper"}, {"account", "admin"}});
  const std::string token = made.at("token");
  for (const char* path : {"/metrics", "/-/metrics"}) {
    const auto anonymous = fetch(port, path);
    EXPECT_EQ(anonymous.status, 401) << path;
    EXPECT_EQ(anonymous.header("www-authenticate"), "Basic realm=\"hubcache\"");
    EXPECT_EQ(anonymous.body.find("hubcache_"), std::string::npos);
    EXPECT_EQ(fetch(port, path, {{"Authorization", "Basic YWRtaW46d3Jvbmc="}}).status, 401);
    EXPECT_EQ(fetch(port, path, {{"Authorization", "Bearer hf_anybody"}}).status, 401);
    EXPECT_EQ(fetch(port, path, {{"Authorization", "Bearer " + token + "x"}}).status, 401);
    EXPECT_EQ(fetch(port, path, {{"Authorization", "Bearer " + token}}).status, 200) << path;
    const auto seen = fetch(port, path, {kLogin, {"Origin", "https://page.example"}});
    EXPECT_EQ(seen.status, 200) << path;
    EXPECT_EQ(seen.header("content-type"), "text/plain; version=0.0.4; charset=utf-8");
    EXPECT_EQ(seen.header("cache-control"), "no-store");
    EXPECT_EQ(seen.header("access-control-allow-origin"), "") << "SECURITY 21";
    EXPECT_EQ(fetch(port, path, {kLogin}, "POST", "x").status, 405);

    EXPECT_EQ(fetch(metrics_port, path).status, 200) << path;
    EXPECT_EQ(fetch(metrics_port, path, {}, "POST", "x").status, 405);
    const auto foreign = "GET " + std::string(path) + " HTTP/1.1\r\nHost: page.example\r\n\r\n";
    EXPECT_EQ(send_raw(metrics_port, foreign).status, 421) << "SECURITY 20";
  }
  EXPECT_EQ(fetch(metrics_port, "/readyz").status, 200);
  const std::vector<std::string_view> elsewhere{"/", kStatus, "/pulp/content/hf/", kConfig,
                                                "/-/ui"};
  for (const auto path : elsewhere) {
    EXPECT_EQ(fetch(metrics_port, path, {kLogin}).status, 404) << path;
  }
}

TEST_F(MetricsTest, SecurityRule23MetricsHaveNoLabelOfARepoAUserOrAClient) {
  const std::string token = "hf_somebodys";
  hub.add_token(token, {.user = "somebody", .granted = {"org/private"}});
  ASSERT_EQ(get(kPrivate, token).status, 200);
  ASSERT_EQ(get(kBig, token).status, 200);
  ASSERT_EQ(get("/org/gated/resolve/main/config.json").status, 401);
  ASSERT_EQ(get("/org/no-such-repo/resolve/main/x").status, 401);
  ASSERT_EQ(rest("GET", kRemotes).status, 200);
  const auto text = scraped();
  std::set<std::string> labels;
  for (auto at = text.find("=\""); at != std::string::npos; at = text.find("=\"", at + 1)) {
    const auto begin = text.find_last_of("{,", at) + 1;
    labels.insert(text.substr(begin, at - begin));
  }
  const std::set<std::string> allowed{"answer", "kind",   "le",      "limit", "outcome", "route",
                                      "source", "status", "version", "what",  "whose"};
  EXPECT_TRUE(std::ranges::includes(allowed, labels)) << testing::PrintToString(labels);
  EXPECT_GE(labels.size(), 8U);
  for (const std::string_view secret :
       {"org/", "private", "gated", "no-such-repo", "safetensors", "config.json", "somebody",
        "127.0.0.1", "admin", "huggingface"}) {
    EXPECT_EQ(text.find(secret), std::string::npos) << secret;
  }
  EXPECT_EQ(text.find(token), std::string::npos);
}

TEST_F(MetricsTest, ARepoOfTheAliassNameIsServed) {
  hub.add_repo({.id = "metrics"});
  hub.commit("metrics", "main",
             {{.path = "a.txt", .content = Content("of the repo"), .storage = Storage::kGit}});
  EXPECT_EQ(fetch(port, "/metrics/resolve/main/a.txt").body, "of the repo");
  EXPECT_EQ(fetch(port, "/metrics", {kLogin}).status, 200);
}

}  // namespace
}  // namespace hubcache::test
