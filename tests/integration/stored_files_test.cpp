// What a worker answers by what it knows of a file that is stored (StoredFiles) is what it would
// answer the long way, and only for as long as that is so. Of files that are asked for often the
// same is in warm_test.cpp.
#include <future>
#include <string>
#include <thread>
#include <vector>

#include <nlohmann/json.hpp>

#include "integration/fixture.h"

namespace hubcache::test {
namespace {

using namespace std::chrono_literals;
using hubsim::Content;
using nlohmann::json;

class StoredFilesTest : public ServerTest {
 protected:
  StoredFilesTest() {
    stop();
    config.server.workers = 1;  // what one knows, all do
    start();
    for (const auto& file : files_) get(path_of(file));
    wait_stored(files_.size());
    learn();
  }

  /// Each was read once since the start: the next read is answered by what is known of it.
  void learn() {
    restart();
    for (const auto& file : files_) ASSERT_EQ(get(path_of(file)).status, 200);
  }
  Answer ask(std::string_view method, std::string_view path, const Fields& fields = {}) {
    return fetch(port, "/pulp/content/hf" + std::string(path), fields, method);
  }
  static std::string path_of(const std::string& file) { return "/org/model/resolve/main/" + file; }
  std::string href_of(std::string_view kind) {
    return json::parse(rest("GET", kind).body).at("results").at(0).at("pulp_href");
  }

  const std::vector<std::string> files_{"config.json", "model.safetensors", "README.md"};
};

TEST_F(StoredFilesTest, ItIsTheSameAnswer) {
  for (const auto& file : files_) {
    const auto path = path_of(file);
    const std::string tag = '"' + hub.etag(kModel, file) + '"';
    const std::vector<Fields> all{{},
                                  {{"If-None-Match", tag}},
                                  {{"If-None-Match", "\"another\""}},
                                  {{"If-None-Match", "*"}},
                                  {{"Authorization", "Bearer hf_other"}},
                                  {{"Accept", "application/vnd.xet-fileinfo+json"}},
                                  {{"Range", "bytes=1-2"}},
                                  {{"Want-Digest", "SHA-256"}}};
    for (const auto& fields : all) {
      for (const std::string method : {"GET", "HEAD"}) {
        learn();
        const auto known = told(ask(method, path, fields));
        auto with_more = fields;
        with_more.push_back(kLongWay);
        EXPECT_EQ(known, told(ask(method, path, with_more))) << method << path;
      }
    }
    learn();
    EXPECT_EQ(get(path).body, hub.bytes(kModel, file));
    learn();
    EXPECT_EQ(ask("POST", path).status, 405);
    learn();
    EXPECT_EQ(get(path + "?download=true").body, hub.bytes(kModel, file));
  }
}

TEST_F(StoredFilesTest, ItIsCountedAndSaidToBeAHit) {
  config.server.metrics_listen = {"127.0.0.1:0"};
  learn();
  const auto hits = metric("hubcache_hits_total", "memory");
  const auto answers = metric("hubcache_requests_total", "resolve");
  for (const auto& file : files_) EXPECT_EQ(get(path_of(file)).body, hub.bytes(kModel, file));
  EXPECT_EQ(metric("hubcache_hits_total", "memory"), hits + 3);
  EXPECT_EQ(metric("hubcache_requests_total", "resolve"), answers + 3);
}

TEST_F(StoredFilesTest, WhatOneWorkerSentAnotherKnows) {
  config.rules = {{.name = "of each worker a copy", .deny_files = {"*.bin"}}};
  config.server.workers = 2;
  config.server.metrics_listen = {"127.0.0.1:0"};
  restart();
  const auto path = path_of("config.json");
  const auto await_connections = [this](double count) {
    while (metric("hubcache_connections") != count) std::this_thread::yield();
  };
  ASSERT_EQ(get(path).status, 200);
  await_connections(0);
  const auto held = connect_to(port);  // so the next ones go to the other worker
  await_connections(1);
  ASSERT_EQ(get(path_of("README.md")).status, 200);  // now it knows the commit
  await_connections(1);
  const auto opened = metric("hubcache_hits_total", "disk");
  // Had it gone the long way, it would have the blob open from then on.
  for (int i = 0; i < 2; ++i) {
    ASSERT_EQ(get(path).body, hub.bytes(kModel, "config.json"));
    await_connections(1);
  }
  EXPECT_EQ(metric("hubcache_hits_total", "disk"), opened + 2);
}

TEST_F(StoredFilesTest, InAnotherSpellingItIsTheSameFile) {
  restart();
  const std::string spelled = "/org/model/resolve/main/config%2Ejson";
  const auto first = told(ask("GET", spelled));
  EXPECT_EQ(first.at("body"), hub.bytes(kModel, "config.json"));
  EXPECT_EQ(told(ask("GET", spelled)), first);
  EXPECT_EQ(told(ask("GET", spelled, {kLongWay})), first);
  EXPECT_EQ(get("/org/model/resolve/main/config.json/").status, 400);
}

TEST_F(StoredFilesTest, ABranchThatMovedIsSeenAfterItsTime) {
  hub.commit(kModel, "main", {{.path = "config.json", .content = Content("{\"new\":1}")}});
  clock.advance(2min);
  EXPECT_EQ(get(kConfig).body, "{\"new\":1}");
  EXPECT_EQ(get(path_of("README.md")).header("x-repo-commit"), hub.sha(kModel));
}

TEST_F(StoredFilesTest, WhatIsPublicNoLongerIsRefusedAfterItsTime) {
  const auto at_commit = "/org/model/resolve/" + hub.sha(kModel) + "/config.json";
  restart();
  ASSERT_EQ(get(at_commit).status, 200);
  hub.set_visibility(kModel, {.is_private = true});
  clock.advance(31min);
  EXPECT_EQ(ask("HEAD", at_commit).status, 401);
  EXPECT_EQ(ask("GET", at_commit).status, 401);
}

TEST_F(StoredFilesTest, OneRefusalEndsItForAll) {
  const auto at_commit = "/org/model/resolve/" + hub.sha(kModel) + "/config.json";
  ASSERT_EQ(get(at_commit).status, 200);
  hub.set_visibility(kModel, {.is_private = true});
  clock.advance(2min);  // the branch is asked for anew, and that is refused
  EXPECT_EQ(get(kConfig).status, 401);
  EXPECT_EQ(get(at_commit).status, 401);
}

TEST_F(StoredFilesTest, ARuleHoldsAtOnce) {
  config.rules = {{.name = "no", .deny_files = {"config.json"}}};
  reload();
  EXPECT_EQ(get(kConfig).status, 403);
  EXPECT_EQ(get(path_of("README.md")).status, 200);
  EXPECT_EQ(get(kConfig).status, 403);
  config.rules = {};
  reload();
  EXPECT_EQ(get(kConfig).status, 200);
}

TEST_F(StoredFilesTest, WhatWasAskedForBeforeARuleCameIsNotKnownAfterIt) {
  const auto begin = [this](const std::string& file) {
    const auto before = disk.waiting();
    auto answer = std::async(std::launch::async, [this, file] { return get(path_of(file)); });
    while (disk.waiting() == before) std::this_thread::yield();
    return answer;
  };
  for (int i = 0; i < 8; ++i) {  // for either may be the first to end
    config.rules = {};
    restart();
    disk.hold(FaultyDisk::Call::kOpen);
    auto before = begin("config.json");
    config.rules = {{.name = "no", .deny_files = {"config.json"}}};
    reload();
    auto after = begin("README.md");
    disk.release();
    EXPECT_EQ(before.get().status, 200);
    EXPECT_EQ(after.get().status, 200);
    ASSERT_EQ(get(kConfig).status, 403);
  }
}

TEST_F(StoredFilesTest, AGuardHoldsAtOnce) {
  const auto guard = rest("POST", "/pulp/api/v3/contentguards/core/rbac/", R"({"name":"g"})");
  ASSERT_EQ(guard.status, 201) << guard.body;
  const json change{{"content_guard", json::parse(guard.body).at("pulp_href")}};
  ASSERT_EQ(rest("PATCH", href_of(kDistributions), change.dump()).status, 202);
  EXPECT_NE(get(kConfig).status, 200);
}

TEST_F(StoredFilesTest, ADistributionThatIsGoneIsGone) {
  ASSERT_EQ(rest("DELETE", href_of(kDistributions)).status, 202);
  EXPECT_EQ(get(kConfig).status, 404);
}

TEST_F(StoredFilesTest, ARemotesChangeHoldsAtOnce) {
  ASSERT_EQ(rest("PATCH", href_of(kRemotes), R"({"hf_hub_url":"http://127.0.0.1:1"})").status, 202);
  EXPECT_NE(get(kBig).status, 200);
}

TEST_F(StoredFilesTest, OfAnImmediateRemoteEveryReadHasTheRestPrefetched) {
  hub.commit(kModel, "main", {{.path = "later.json", .content = Content("{}")}});
  hub.set_fault({.kind = hubsim::Fault::Kind::kStatus, .match = "/tree/", .status = 500});
  ASSERT_EQ(rest("PATCH", href_of(kRemotes), R"({"policy":"immediate","max_retries":0})").status,
            202);
  restart();
  const auto at_commit = "/org/model/resolve/" + hub.sha(kModel) + "/config.json";
  ASSERT_EQ(get(at_commit).status, 200);
  const std::string prefetches = "/pulp/api/v3/tasks/?name__contains=prefetch&state=failed";
  while (json::parse(rest("GET", prefetches).body).at("count") == 0) std::this_thread::yield();
  ASSERT_EQ(stored_blobs(), files_.size());
  hub.clear_faults();
  clock.advance(11min);
  EXPECT_EQ(get(at_commit).status, 200);
  wait_stored(files_.size() + 1);
}

TEST_F(StoredFilesTest, OfAnotherRevisionItIsAnother) {
  hub.commit(kModel, "other", {{.path = "config.json", .content = Content("{\"other\":1}")}});
  const std::string other = "/org/model/resolve/other/config.json";
  EXPECT_EQ(get(other).body, "{\"other\":1}");
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(get(other).body, "{\"other\":1}");
    EXPECT_EQ(get(kConfig).body, hub.bytes(kModel, "config.json"));
  }
}

}  // namespace
}  // namespace hubcache::test
