// Git's smart HTTP, passed through for reading (contract/hub.md 1.11). With git itself:
// tests/e2e/test_git.py.
#include <chrono>
#include <sstream>

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include "hubcache/base/base64.h"

#include "hubsim/wire.h"
#include "integration/fixture.h"

namespace hubcache::test {
namespace {

using hubsim::Content;
using hubsim::Fault;
using hubsim::Host;
using testing::HasSubstr;
using testing::StartsWith;

constexpr std::string_view kRefs = "/info/refs?service=git-upload-pack";
const Fields kVersion2{{"Git-Protocol", "version=2"}};
// What git of version 2 asks for first: a list of the refs.
const std::string kListRefs =
    "0014command=ls-refs\n0014agent=git/2.39.50001"
    "0009peel\n0000";

class GitTest : public ServerTest {
 protected:
  Answer post(const std::string& path, const std::string& body, Fields fields = kVersion2,
              const std::function<void()>& on_head = {}) {
    fields.emplace_back("Content-Type", "application/x-git-upload-pack-request");
    return fetch(port, "/pulp/content/hf" + path, fields, "POST", body, on_head);
  }
  static Fields password(const std::string& token) {
    return {{"Authorization", "Basic " + base64_encode("somebody:" + token)}};
  }
  std::string refs_of(const std::string& repo) { return "/" + repo + std::string(kRefs); }
};

TEST_F(GitTest, RefsAreTheHubsOwn) {
  for (const auto& fields : {Fields{}, kVersion2}) {
    const auto answer = get("/org/model.git" + std::string(kRefs), {}, fields);
    ASSERT_EQ(answer.status, 200);
    EXPECT_TRUE(answer.complete);
    EXPECT_EQ(answer.body, fetch(hub.port(), "/org/model" + std::string(kRefs), fields).body);
    EXPECT_EQ(answer.header("content-type"), "application/x-git-upload-pack-advertisement");
    EXPECT_EQ(answer.header("transfer-encoding"), "chunked");
    EXPECT_THAT(answer.header("cache-control"), HasSubstr("no-cache"));
  }
  EXPECT_THAT(get(refs_of("datasets/org/dataset")).body, HasSubstr("refs/heads/main"));
}

TEST_F(GitTest, WhatIsAskedForGoesOnAsItIs) {
  hub.clear_log();
  const auto answer = post("/org/model/git-upload-pack", kListRefs);
  ASSERT_EQ(answer.status, 200) << answer.body;
  EXPECT_TRUE(answer.complete);
  EXPECT_EQ(answer.header("content-type"), "application/x-git-upload-pack-result");
  EXPECT_THAT(answer.body, HasSubstr(hub.sha("org/model") + " refs/heads/main"));
  const auto asked = hub.log().back();
  EXPECT_EQ(asked.body, kListRefs);
  EXPECT_EQ(asked.header("content-type"), "application/x-git-upload-pack-request");
  EXPECT_EQ(asked.header("git-protocol"), "version=2");
  EXPECT_THAT(std::string(asked.header("user-agent")), StartsWith("hubcache/"));
}

TEST_F(GitTest, AnAnswerComesBitByBit) {
  hub.set_fault(
      {.kind = Fault::Kind::kHold, .match = "upload-pack", .method = "POST", .offset = 9});
  bool held = false;
  const auto answer = post("/org/model/git-upload-pack", kListRefs, kVersion2, [&] {
    held = true;
    hub.release();
  });
  EXPECT_TRUE(held);
  EXPECT_TRUE(answer.complete);
}

TEST_F(GitTest, AnAnswerThatIsCutIsNotEnded) {
  hub.set_fault(
      {.kind = Fault::Kind::kCut, .match = "upload-pack", .method = "POST", .offset = 99});
  const auto answer = post("/org/model/git-upload-pack", kListRefs);
  EXPECT_EQ(answer.status, 200);
  EXPECT_FALSE(answer.complete);
  EXPECT_TRUE(answer.reset);
}

TEST_F(GitTest, APushIsRefusedBeforeTheHubIsAsked) {
  hub.clear_log();
  for (const auto& answer : {get("/org/model.git/info/refs?service=git-receive-pack"),
                             get("/org/model/info/refs?service=git-receive-pack", "hf_good"),
                             post("/org/model/git-receive-pack", "0000")}) {
    EXPECT_EQ(answer.status, 403);
    EXPECT_EQ(answer.body, "hubcache is a read-only cache of the Hub: push to the Hub itself\n");
    EXPECT_EQ(answer.header("content-type"), "text/plain; charset=utf-8");
  }
  EXPECT_EQ(get("/org/model/info/refs").status, 403);
  EXPECT_EQ(get("/org/model/git-upload-pack").status, 405);
  EXPECT_EQ(post("/org/model/info/refs", "0000").status, 405);
  EXPECT_EQ(hub_requests(), 0U);
}

// That it is waited for longer than for other answers: tests/e2e/test_git.py.
TEST_F(GitTest, APackIsWaitedForAsTheRemoteSays) {
  const auto remotes = rest("GET", kRemotes);
  const auto href =
      nlohmann::json::parse(remotes.body)["results"][0]["pulp_href"].get<std::string>();
  ASSERT_EQ(rest("PATCH", href, R"({"sock_read_timeout": 0.2, "max_retries": 1})").status, 202);
  hub.set_fault({.kind = Fault::Kind::kDelay,
                 .match = "upload-pack",
                 .method = "POST",
                 .delay = std::chrono::seconds(1)});
  EXPECT_EQ(post("/org/model/git-upload-pack", kListRefs).status, 504);
}

// Who has or wants many objects says so in one body.
TEST_F(GitTest, ALongNegotiationGoesOnAsItIs) {
  std::string body = "0014command=ls-refs\n0001";
  while (body.size() < (3U << 20U)) body += "0022ref-prefix refs/heads/feature\n";
  const auto whole = body + "001dref-prefix refs/heads/mai0000";
  const auto answer = post("/org/model/git-upload-pack", whole);
  ASSERT_EQ(answer.status, 200) << answer.body;
  EXPECT_THAT(answer.body, HasSubstr(hub.sha("org/model") + " refs/heads/main"));
  EXPECT_TRUE(hub.log().back().body == whole);
  // Git sends what is longer than its http.postBuffer in chunks.
  std::string chunked =
      "POST /pulp/content/hf/org/model/git-upload-pack HTTP/1.1\r\nHost: localhost\r\n"
      "Content-Type: application/x-git-upload-pack-request\r\nGit-Protocol: version=2\r\n"
      "Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n";
  for (std::size_t at = 0; at < whole.size(); at += 0x10000) {
    const auto piece = whole.substr(at, 0x10000);
    std::ostringstream size;
    size << std::hex << piece.size();
    chunked += size.str() + "\r\n" + piece + "\r\n";
  }
  const auto by_chunks = send_raw(port, chunked + "0\r\n\r\n");
  EXPECT_EQ(by_chunks.body, answer.body);
  EXPECT_TRUE(hub.log().back().body == whole);
  auto fields = kVersion2;
  fields.emplace_back("Content-Encoding", "gzip");
  const auto packed = hubsim::gzip(whole);
  EXPECT_EQ(post("/org/model/git-upload-pack", packed, fields).body, answer.body);
  EXPECT_TRUE(hub.log().back().body == packed);
}

TEST_F(GitTest, WhatIsLongerThanAnyQuestionIsRefused) {
  hub.clear_log();
  EXPECT_EQ(post("/org/model/git-upload-pack", std::string((8 << 20) + 1, 'x')).status, 413);
  EXPECT_EQ(post("/org/model/info/lfs/objects/batch", std::string((1 << 20) + 1, 'x')).status, 413);
  auto fields = kVersion2;
  fields.emplace_back("Content-Encoding", "br");
  EXPECT_EQ(post("/org/model/git-upload-pack", kListRefs, fields).status, 415);
  EXPECT_EQ(hub_requests(), 0U);
}

TEST_F(GitTest, ARepoIsOneByAllItsNames) {
  EXPECT_EQ(get(refs_of("org/old-name")).body, get(refs_of("org/new-name")).body);
  EXPECT_EQ(hub.count(Host::kHub, "GET", "/org/old-name/info"), 0U);
}

TEST_F(GitTest, SecurityRule6AGitPasswordIsForwardedAsATokenAndNothingElse) {
  const auto asked = get(refs_of("org/private"));
  EXPECT_EQ(asked.status, 401);
  EXPECT_THAT(asked.header("www-authenticate"), StartsWith("Basic "));
  EXPECT_EQ(get(refs_of("org/private"), {}, password("hf_good")).status, 200);
  EXPECT_EQ(hub.log().back().header("authorization"), "Bearer hf_good");
  for (const std::string secret : {"hc_own", "my password"}) {
    hub.clear_log();
    EXPECT_EQ(get(refs_of("org/private"), {}, password(secret)).status, 401);
    for (const auto& request : hub.log()) EXPECT_EQ(request.header("authorization"), "");
  }
  EXPECT_EQ(get(refs_of("org/private"), "hf_other").status, 404);
  EXPECT_EQ(get(refs_of("org/gated")).status, 401);
  EXPECT_EQ(get(refs_of("org/gated"), "hf_other").status, 403);
  // Nowhere but here.
  hub.clear_log();
  get("/org/private/resolve/main/config.json", {}, password("hf_good"));
  for (const auto& request : hub.log()) EXPECT_EQ(request.header("authorization"), "");
}

TEST_F(GitTest, ATroubledHubIsNotARefusal) {
  ASSERT_EQ(get(refs_of("org/model")).status, 200);
  hub.set_fault({.kind = Fault::Kind::kStatus, .match = "info/refs", .status = 503});
  EXPECT_EQ(get(refs_of("org/model")).status, 502);
  // It says nothing of files and documents.
  EXPECT_EQ(get("/org/model/resolve/main/config.json").status, 200);
  EXPECT_EQ(get("/api/models/org/model").status, 200);
}

}  // namespace
}  // namespace hubcache::test
