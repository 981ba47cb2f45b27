// A content request from end to end: what is answered, and what the Hub was asked for it.
#include <future>
#include <vector>

#include "integration/fixture.h"

namespace hubcache::test {
namespace {

using namespace std::chrono_literals;
using hubsim::Content;
using hubsim::Fault;
using hubsim::Host;
using hubsim::Storage;

class FlowTest : public ServerTest {};

TEST_F(FlowTest, AFileHasTheHeadersClientsNeed) {
  for (int i = 0; i < 2; ++i) {
    const auto small = get(kConfig);
    EXPECT_EQ(small.status, 200);
    EXPECT_EQ(small.body, hub.bytes("org/model", "config.json"));
    EXPECT_EQ(small.header("etag"), '"' + hub.etag("org/model", "config.json") + '"');
    EXPECT_EQ(small.header("x-repo-commit"), hub.sha("org/model"));
    EXPECT_EQ(small.header("accept-ranges"), "bytes");
    EXPECT_EQ(small.header("content-encoding"), "");

    const auto big = head(kBig);
    EXPECT_EQ(big.status, 200);
    EXPECT_EQ(big.header("x-linked-etag"), '"' + hub.etag("org/model", "model.safetensors") + '"');
    const auto size = std::to_string(hub.size("org/model", "model.safetensors"));
    EXPECT_EQ(big.header("x-linked-size"), size);
    EXPECT_EQ(big.header("content-length"), size);
    EXPECT_EQ(big.header("location"), "");
  }
}

TEST_F(FlowTest, EightClientsCauseOneDownload) {
  hub.set_fault({.kind = Fault::Kind::kHold, .host = Host::kCdn, .offset = 2 << 20});
  std::vector<std::future<Answer>> clients;
  for (int i = 0; i < 8; ++i) {
    clients.push_back(std::async(std::launch::async, [this] { return get(kBig); }));
  }
  while (hub.body_bytes(Host::kCdn) == 0) std::this_thread::yield();
  hub.release();
  for (auto& client : clients) {
    EXPECT_EQ(client.get().body, hub.bytes("org/model", "model.safetensors"));
  }
  EXPECT_EQ(hub.body_bytes(Host::kCdn), hub.size("org/model", "model.safetensors"));
}

TEST_F(FlowTest, AHitCostsNothingUpstream) {
  const std::string at_commit = "/org/model/resolve/" + hub.sha("org/model") + "/model.safetensors";
  ASSERT_EQ(get(kBig).status, 200);
  ASSERT_EQ(get(at_commit).status, 200);
  hub.clear_log();
  EXPECT_EQ(get(kBig).status, 200);
  EXPECT_EQ(head(at_commit).status, 200);
  EXPECT_EQ(get(at_commit).status, 200);
  EXPECT_EQ(hub_requests(), 0u);
  EXPECT_EQ(hub.count(Host::kCdn), 0u);
  restart();
  EXPECT_EQ(get(at_commit).status, 200);
  EXPECT_EQ(hub_requests(), 0u);
}

TEST_F(FlowTest, ABranchThatMovedIsSeenAfterItsTime) {
  ASSERT_EQ(get(kConfig).status, 200);
  hub.commit("org/model", "main", {{.path = "config.json", .content = Content("{\"new\":1}")}});
  EXPECT_NE(get(kConfig).body, "{\"new\":1}");
  clock.advance(2min);
  EXPECT_EQ(get(kConfig).body, "{\"new\":1}");
}

TEST_F(FlowTest, WhatIsCachedOutlivesTheHub) {
  const std::string commit = hub.sha("org/model");
  const auto big = get(kBig).body;
  const auto info = get("/api/models/org/model/revision/main").body;
  const auto tree = get("/api/models/org/model/tree/" + commit + "?recursive=true").body;
  hub.stop();
  clock.advance(2h);
  EXPECT_EQ(get(kBig).body, big);
  EXPECT_EQ(get("/org/model/resolve/" + commit + "/model.safetensors").body, big);
  EXPECT_EQ(get("/api/models/org/model/revision/main").body, info);
  EXPECT_EQ(get("/api/models/org/model/tree/" + commit + "?recursive=true").body, tree);
  const auto unknown = get("/gpt2/resolve/main/config.json").status;
  EXPECT_TRUE(unknown == 502 || unknown == 504) << unknown;
  hub.start();
}

TEST_F(FlowTest, ErrorsAreTheHubsOwnOnHeadAsOnGet) {
  struct Case {
    std::string path;
    int status;
    std::string code;
  };
  for (const auto& c : {Case{"/org/model/resolve/main/nope", 404, "EntryNotFound"},
                        Case{"/org/model/resolve/nope/config.json", 404, "RevisionNotFound"},
                        Case{"/org/none/resolve/main/config.json", 401, "RepoNotFound"},
                        Case{"/org/gated/resolve/main/model.safetensors", 401, "GatedRepo"}}) {
    for (int i = 0; i < 2; ++i) {
      for (const auto& answer : {get(c.path), head(c.path)}) {
        EXPECT_EQ(answer.status, c.status) << c.path;
        EXPECT_EQ(answer.header("x-error-code"), c.code) << c.path;
        EXPECT_NE(answer.header("x-error-message"), "") << c.path;
      }
    }
  }
  EXPECT_EQ(get("/org/model/resolve/main/nope").header("x-repo-commit"), hub.sha("org/model"));
}

TEST_F(FlowTest, TheReadmeOfAGatedRepoIsForEverybody) {
  EXPECT_EQ(get("/org/gated/resolve/main/README.md").status, 200);
  EXPECT_EQ(get("/org/gated/resolve/main/model.safetensors").status, 401);
  EXPECT_EQ(get("/org/gated/resolve/main/README.md").status, 200);
}

TEST_F(FlowTest, TreePagesLinkToUsAndWithXetOffHoldNoXetFields) {
  config.xet = false;
  restart();
  auto behaviour = hub.behaviour();
  behaviour.tree_page = 2;
  hub.set_behaviour(behaviour);
  const auto page = get("/api/models/org/model/tree/main?recursive=true");
  EXPECT_EQ(page.status, 200);
  EXPECT_EQ(page.body.find("xetHash"), std::string::npos);
  const auto link = page.header("link");
  const std::string own = "<http://127.0.0.1/pulp/content/hf/api/models/org/model/tree/main?";
  EXPECT_EQ(link.substr(0, own.size()), own);
  EXPECT_EQ(get("/api/models/org/model/xet-read-token/main").status, 404);
}

TEST_F(FlowTest, DocumentsArePackedForThoseWhoTakeGzipAndNotSentTwice) {
  const std::string tree = "/api/models/org/model/tree/main?recursive=true";
  for (int i = 0; i < 2; ++i) {  // from the Hub, cached
    const auto plain = get(tree);
    const auto packed = get(tree, {}, {{"Accept-Encoding", "gzip, deflate"}});
    EXPECT_EQ(plain.header("content-encoding"), "");
    EXPECT_EQ(packed.header("content-encoding"), "gzip");
    EXPECT_LT(packed.body.size(), plain.body.size());
    EXPECT_EQ(packed.body.substr(0, 2), "\x1f\x8b");
    EXPECT_EQ(plain.header("vary"), "Accept-Encoding");
    EXPECT_EQ(packed.header("vary"), "Accept-Encoding");
    const auto tag = packed.header("etag");
    EXPECT_EQ(tag.substr(0, 3), "W/\"");
    EXPECT_EQ(head(tree).header("content-length"), std::to_string(plain.body.size()));
    EXPECT_EQ(head(tree, {}, {{"Accept-Encoding", "gzip"}}).header("content-length"),
              std::to_string(packed.body.size()));
    for (const auto& tags : {tag, tag.substr(2), "\"x\", " + tag}) {
      const auto same = get(tree, {}, {{"If-None-Match", tags}, {"Accept-Encoding", "gzip"}});
      EXPECT_EQ(same.status, 304) << tags;
      EXPECT_EQ(same.header("etag"), tag);
      EXPECT_EQ(same.header("vary"), "Accept-Encoding");
    }
    EXPECT_EQ(get(tree, {}, {{"If-None-Match", "W/\"x\""}}).status, 200);
  }
}

TEST_F(FlowTest, FilesAreNeverPacked) {
  hub.add_file("org/model", "long.json", "[" + std::string(5000, ' ') + "]");
  const std::string path = "/org/model/resolve/main/long.json";
  const auto answer = get(path, {}, {{"Accept-Encoding", "gzip"}});
  EXPECT_EQ(answer.body, hub.bytes("org/model", "long.json"));
  EXPECT_EQ(answer.header("content-encoding"), "");
  EXPECT_EQ(answer.header("vary"), "");
}

TEST_F(FlowTest, AnEmptyFileIsServed) {
  hub.add_file("org/model", "empty.txt", "");
  const auto empty = get("/org/model/resolve/main/empty.txt");
  EXPECT_EQ(empty.status, 200);
  EXPECT_EQ(empty.header("content-length"), "0");
}

TEST_F(FlowTest, AFileWithoutADigestIsServedAndNotStored) {
  hub.set_fault({.kind = Fault::Kind::kHeader,
                 .match = "config.json",
                 .headers = {{"X-Linked-ETag", ""}, {"ETag", "W/\"weak\""}}});
  const auto answer = get(kConfig);
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.body, hub.bytes("org/model", "config.json"));
  EXPECT_EQ(stored_blobs(), 0u);
}

}  // namespace
}  // namespace hubcache::test
