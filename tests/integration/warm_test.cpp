// What a worker answers by a look into memory (WarmFiles) is what it would answer the long way, and
// only for as long as that is so.
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <nlohmann/json.hpp>

#include "hubcache/base/base64.h"

#include "integration/fixture.h"
#include "support/sqlite_disk.h"

namespace hubcache::test {
namespace {

using namespace std::chrono_literals;
using hubsim::Content;
using nlohmann::json;

class WarmTest : public ServerTest {
 protected:
  WarmTest() {
    stop();
    config.server.workers = 1;  // what one knows, all do
    start();
  }

  static constexpr int kToBeKnown = 18;
  /// Asked so often that it is known by heart, then once more.
  Told by_heart(std::string_view method, std::string_view path, const Fields& fields = {}) {
    for (int i = 0; i < kToBeKnown; ++i) ask(method, path, fields);
    return told(ask(method, path, fields));
  }
  Told the_long_way(std::string_view method, std::string_view path, Fields fields = {}) {
    fields.push_back(kLongWay);
    return told(ask(method, path, fields));
  }
  Answer ask(std::string_view method, std::string_view path, const Fields& fields) {
    return fetch(port, "/pulp/content/hf" + std::string(path), fields, method);
  }
  Answer ask_at(std::string_view host, std::string_view method, std::string_view path) {
    std::string request(method);
    request.append(" /pulp/content/hf").append(path).append(" HTTP/1.1\r\nHost: ").append(host);
    return send_raw(port, request += "\r\nConnection: close\r\n\r\n");
  }
  static Fields if_none_match(std::string_view tag) {
    return {{"If-None-Match", '"' + std::string(tag) + '"'}};
  }
  std::string distribution() {
    return json::parse(rest("GET", kDistributions).body).at("results").at(0).at("pulp_href");
  }
  std::string remote() {
    return json::parse(rest("GET", kRemotes).body).at("results").at(0).at("pulp_href");
  }
};

TEST_F(WarmTest, ItIsTheSameAnswer) {
  for (const std::string name : {"config.json", "model.safetensors", "README.md"}) {
    const auto path = "/org/model/resolve/main/" + name;
    const auto tag = hub.etag(kModel, name);
    const std::vector<Fields> all{
        {},
        if_none_match(tag),
        if_none_match("another"),
        {{"If-None-Match", "*"}},
        {{"Authorization", "Bearer hf_other"}},
        {{"Authorization", "Basic dXNlcjpwYXNz"}},
        {{"Accept", "application/vnd.xet-fileinfo+json"}},
        {{"Accept", "*/*"}, {"User-Agent", "unknown/1; hf_hub/2"}},
    };
    for (const auto& fields : all) {
      for (const std::string method : {"GET", "HEAD"}) {
        EXPECT_EQ(by_heart(method, path, fields), the_long_way(method, path, fields))
            << method << path;
      }
    }
    EXPECT_EQ(by_heart("GET", path).at("body"), hub.bytes(kModel, name));
    EXPECT_EQ(by_heart("GET", path, if_none_match(tag)).at("status"), "304");
  }
}

TEST_F(WarmTest, ItIsCountedAndSaidToBeAHit) {
  config.server.metrics_listen = {"127.0.0.1:0"};
  restart();
  by_heart("GET", kConfig);
  const auto hits = metric("hubcache_hits_total", "memory");
  const auto answers = metric("hubcache_requests_total", "resolve");
  by_heart("GET", kConfig);
  EXPECT_EQ(metric("hubcache_hits_total", "memory"), hits + kToBeKnown + 1);
  EXPECT_EQ(metric("hubcache_requests_total", "resolve"), answers + kToBeKnown + 1);
}

TEST_F(WarmTest, WhatElseARequestAsksForItGets) {
  by_heart("GET", kBig);
  const auto bytes = hub.bytes(kModel, "model.safetensors");
  const auto part = get(kBig, {}, {{"Range", "bytes=5-9"}});
  EXPECT_EQ(part.status, 206);
  EXPECT_EQ(part.body, bytes.substr(5, 5));
  EXPECT_EQ(get(kBig, {}, {{"If-Match", "\"another\""}}).status, 412);
  EXPECT_TRUE(get(kBig, {}, {{"Want-Digest", "SHA-256"}}).header("digest").starts_with("SHA-256="));
  EXPECT_EQ(get(kBig, {}, {{"Origin", "http://elsewhere.example"}}).header("vary"), "Origin");
  EXPECT_EQ(get(kBig, {}, {{"Service-Worker", "script"}}).status, 403);
  EXPECT_EQ(ask_at("elsewhere.example", "GET", kBig).status, 421);
  EXPECT_EQ(fetch(port, "/pulp/content/hf" + std::string(kBig), {}, "POST").status, 405);
  EXPECT_EQ(get(std::string(kBig) + "?download=true").body, bytes);
}

TEST_F(WarmTest, TheOfferOfXetNamesTheServerAsItWasAskedFor) {
  by_heart("GET", kBig);
  for (const std::string host : {"127.0.0.1:1", "localhost:2", "127.0.0.1:1"}) {
    for (int i = 0; i < 3; ++i) {
      const auto link = ask_at(host, "HEAD", kBig).header("link");
      EXPECT_NE(link.find("<http://" + host + "/"), std::string::npos) << link;
    }
  }
  EXPECT_EQ(by_heart("HEAD", kBig, {{"Authorization", "Basic dXNlcjpwYXNz"}}).count("link"), 0u);
  EXPECT_EQ(by_heart("HEAD", kBig).count("link"), 1u);
}

TEST_F(WarmTest, BehindAProxyTheOfferNamesTheHostItForwards) {
  stop();
  config.server.public_name.trusted_proxies = {"127.0.0.1"};
  start();
  by_heart("GET", kBig);
  for (const std::string host : {"one.example", "two.example", "one.example"}) {
    const auto to_head = by_heart("HEAD", kBig, {{"X-Forwarded-Host", host}});
    EXPECT_NE(to_head.at("link").find("<http://" + host + "/"), std::string::npos);
    EXPECT_EQ(to_head, the_long_way("HEAD", kBig, {{"X-Forwarded-Host", host}}));
  }
}

TEST_F(WarmTest, ClientsFillNoMemory) {
  const std::string far(14'000, 'x');
  for (const std::string method : {"GET", "HEAD"}) {
    const auto path = std::string(kBig) + "?" + far;
    EXPECT_EQ(by_heart(method, path), the_long_way(method, path));
  }
  by_heart("GET", kBig);
  const auto host = far + ".localhost";
  for (int i = 0; i < 3; ++i) {
    EXPECT_NE(ask_at(host, "HEAD", kBig).header("link").find(host), std::string::npos);
  }
}

TEST_F(WarmTest, WhatWasNotOfferedForWantOfRoomIsOfferedOnceItIsStored) {
  disk.say_free(1 << 20);
  EXPECT_EQ(by_heart("HEAD", kBig).count("link"), 0u);
  disk.say_free(1ULL << 40U);
  by_heart("GET", kBig);
  EXPECT_EQ(head(kBig).headers.count("link"), 1u);
}

TEST_F(WarmTest, ABranchThatMovedIsSeenAfterItsTime) {
  by_heart("GET", kConfig);
  hub.commit(kModel, "main", {{.path = "config.json", .content = Content("{\"new\":1}")}});
  clock.advance(2min);
  EXPECT_EQ(get(kConfig).body, "{\"new\":1}");
  EXPECT_EQ(by_heart("GET", kConfig).at("x-repo-commit"), hub.sha(kModel));
}

TEST_F(WarmTest, WhatIsPublicNoLongerIsRefusedAfterItsTime) {
  by_heart("GET", kConfig);
  hub.set_visibility(kModel, {.is_private = true});
  clock.advance(31min);
  for (const std::string method : {"GET", "HEAD"}) {
    EXPECT_EQ(ask(method, kConfig, {}).status, 401) << method;
  }
}

TEST_F(WarmTest, OneRefusalEndsItForAll) {
  const std::string at_commit = "/org/model/resolve/" + hub.sha(kModel) + "/config.json";
  by_heart("GET", kConfig);
  by_heart("GET", at_commit);
  hub.set_visibility(kModel, {.is_private = true});
  clock.advance(2min);  // the branch is asked for anew, and that is refused
  EXPECT_EQ(get(kConfig).status, 401);
  EXPECT_EQ(get(at_commit).status, 401);
}

TEST_F(WarmTest, ARuleHoldsAtOnce) {
  by_heart("GET", kConfig);
  config.rules = {{.name = "no", .deny_files = {"config.json"}}};
  reload();
  EXPECT_EQ(get(kConfig).status, 403);
  config.rules = {};
  reload();
  EXPECT_EQ(get(kConfig).status, 200);
}

TEST_F(WarmTest, AGuardHoldsAtOnce) {
  by_heart("GET", kConfig);
  const auto guard = rest("POST", "/pulp/api/v3/contentguards/core/rbac/", R"({"name":"g"})");
  ASSERT_EQ(guard.status, 201) << guard.body;
  const json change{{"content_guard", json::parse(guard.body).at("pulp_href")}};
  ASSERT_EQ(rest("PATCH", distribution(), change.dump()).status, 202);
  const auto refused = get(kConfig).status;
  EXPECT_NE(refused, 200);
  // Nor is what the guard let through known to others.
  const Fields as_admin{{"Authorization", "Basic " + base64_encode("admin:password")}};
  EXPECT_EQ(by_heart("GET", kConfig, as_admin).at("status"), "200");
  EXPECT_EQ(get(kConfig).status, refused);
}

TEST_F(WarmTest, ADistributionThatIsGoneIsGone) {
  by_heart("GET", kConfig);
  ASSERT_EQ(rest("DELETE", distribution()).status, 202);
  EXPECT_EQ(get(kConfig).status, 404);
}

TEST_F(WarmTest, ARemotesChangeHoldsAtOnce) {
  by_heart("GET", kBig);
  ASSERT_EQ(rest("PATCH", remote(), R"({"policy":"streamed"})").status, 202);
  EXPECT_EQ(get(kBig).status, 200);
  EXPECT_EQ(head(kBig).headers.count("link"), 0u);
  ASSERT_EQ(rest("PATCH", remote(), R"({"hf_hub_url":"http://127.0.0.1:1"})").status, 202);
  EXPECT_NE(get(kBig).status, 200);
}

TEST_F(WarmTest, OfAnImmediateRemoteItHasTheRestPrefetchedAsEveryRead) {
  ASSERT_EQ(rest("PATCH", remote(), R"({"policy":"immediate","max_retries":0})").status, 202);
  hub.set_fault({.kind = hubsim::Fault::Kind::kStatus, .match = "/tree/", .status = 500});
  const std::string at_commit = "/org/model/resolve/" + hub.sha(kModel) + "/config.json";
  by_heart("GET", at_commit);
  const std::string prefetches = "/pulp/api/v3/tasks/?name__contains=prefetch&state=failed";
  while (json::parse(rest("GET", prefetches).body).at("count") == 0) std::this_thread::yield();
  ASSERT_EQ(stored_blobs(), 1u);
  hub.clear_faults();
  clock.advance(11min);
  EXPECT_EQ(get(at_commit).status, 200);
  wait_stored(3);
}

TEST_F(WarmTest, AnAliasIsKnownNoLongerThanItsTime) {
  hub.add_repo({.id = "org/before"});
  hub.add_file("org/before", "a.json", Content("{}"));
  hub.rename("org/before", "org/after");
  EXPECT_EQ(by_heart("GET", "/org/before/resolve/main/a.json").at("status"), "200");
  EXPECT_EQ(by_heart("GET", "/org/after/resolve/main/a.json").at("status"), "200");
  hub.remove_repo("org/after");
  hub.add_repo({.id = "org/before", .visibility = {.is_private = true}});
  clock.advance(6min);
  EXPECT_NE(get("/org/before/resolve/main/a.json").status, 200);
}

/// Every thread that works for a worker stands still: those of the disk's pool (eight of them) with
/// a download each, those of the database with a question each.
class WarmWithoutOthers : public WarmTest {
 protected:
  WarmWithoutOthers() {
    stop();
    sqlite_ = std::make_unique<SqliteOnDisk>(under_database_);
    start();
    hub.add_repo({.id = "org/cold"});
    for (std::size_t i = 0; i < kPool + kReaders; ++i) {
      hub.add_file("org/cold", std::to_string(i), Content::generated(100'000, i),
                   hubsim::Storage::kLfs);
    }
  }
  ~WarmWithoutOthers() override {
    disk.release();
    under_database_.release();
    for (auto& one : asked_) one.wait();
    stop();
  }

  void hold_all() {
    disk.hold(Call::kCreate);
    for (std::size_t i = 0; i < kPool; ++i) ask_cold(i);
    while (disk.waiting() < kPool) std::this_thread::yield();
    for (const auto call :
         {Call::kOpen, Call::kRead, Call::kWrite, Call::kSync, Call::kName, Call::kLook}) {
      disk.hold(call);
      under_database_.hold(call);
    }
    for (std::size_t i = 0; i < kReaders; ++i) ask_cold(kPool + i);
    while (under_database_.waiting() < kReaders) std::this_thread::yield();
  }

 private:
  using Call = FaultyDisk::Call;
  static constexpr std::size_t kPool = 8;
  static constexpr std::size_t kReaders = 2;

  void ask_cold(std::size_t file) {
    asked_.push_back(std::async(std::launch::async, [this, file] {
      return get("/org/cold/resolve/main/" + std::to_string(file));
    }));
  }

  FaultyDisk under_database_;
  std::unique_ptr<SqliteOnDisk> sqlite_;
  std::vector<std::future<Answer>> asked_;
};

TEST_F(WarmWithoutOthers, AWorkerAnswersWhatItKnows) {
  const auto small = by_heart("GET", kConfig);
  const auto large = by_heart("GET", kBig);
  const auto to_head = by_heart("HEAD", kBig);
  const auto tag = if_none_match(hub.etag(kModel, "config.json"));
  const auto not_modified = by_heart("GET", kConfig, tag);
  ASSERT_EQ(not_modified.at("status"), "304");
  hold_all();
  EXPECT_EQ(told(ask("GET", kConfig, {})), small);
  EXPECT_TRUE(told(ask("GET", kBig, {})) == large);
  EXPECT_EQ(told(ask("HEAD", kBig, {})), to_head);
  EXPECT_EQ(told(ask("GET", kConfig, tag)), not_modified);
}

}  // namespace
}  // namespace hubcache::test
