// SECURITY rules 2, 8, 10 and 21 at the doors beside plain HTTP: git, git-lfs, /v2 and pages in
// browsers. (Xet's are in xet_security_test.cpp.)
#include <functional>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include "integration/fixture.h"

namespace hubcache::test {
namespace {

using namespace std::chrono_literals;
using hubsim::Content;
using hubsim::Fault;
using hubsim::Host;
using hubsim::Storage;
using testing::_;
using testing::Each;
using testing::HasSubstr;
using testing::Not;
using testing::Pair;
using Json = nlohmann::json;

const std::string kQuantized = "big-Q8_0.gguf";
constexpr std::uint64_t kQuantizedSize = 8 << 20;
const std::string kRefsCommand = "0014command=ls-refs\n00010009peel\n0000";

class SecurityDoorsTest : public ServerTest {
 protected:
  SecurityDoorsTest() {
    hub.add_file(kGated, kQuantized, Content::generated(kQuantizedSize, 7), Storage::kLfs);
  }

  std::string digest(const std::string& repo = kGated) { return hub.etag(repo, kQuantized); }
  std::string bytes() { return hub.bytes(kGated, kQuantized); }

  // What each door is asked.
  Answer send(std::string_view method, const std::string& path, std::string_view token,
              Fields fields = {}, const std::string& body = {},
              const std::function<void()>& on_head = {}) {
    if (!token.empty()) fields.emplace_back("Authorization", "Bearer " + std::string(token));
    return fetch(port, "/pulp/content/hf" + path, fields, method, body, on_head);
  }
  Answer refs(const std::string& repo, std::string_view token = {}, Fields fields = {}) {
    return send("GET", "/" + repo + "/info/refs?service=git-upload-pack", token, std::move(fields));
  }
  Answer upload_pack(const std::string& repo, std::string_view token = {}, Fields fields = {}) {
    fields.emplace_back("Git-Protocol", "version=2");
    return send("POST", "/" + repo + "/git-upload-pack", token, std::move(fields), kRefsCommand);
  }
  Answer batch(const std::string& repo, std::string_view token = {}, Fields fields = {}) {
    const Json body{{"operation", "download"},
                    {"objects", {{{"oid", digest()}, {"size", kQuantizedSize}}}}};
    return send("POST", "/" + repo + ".git/info/lfs/objects/batch", token, std::move(fields),
                body.dump());
  }
  std::string object_path(const std::string& repo = kGated) {
    return "/" + repo + ".git/info/lfs/objects/" + digest() + "/" + std::to_string(kQuantizedSize);
  }
  Answer object(const std::string& repo, std::string_view token = {}, Fields fields = {}) {
    return send("GET", object_path(repo), token, std::move(fields));
  }
  Answer manifest(const std::string& repo, std::string_view token = {}, Fields fields = {}) {
    return send("GET", "/v2/" + repo + "/manifests/latest", token, std::move(fields));
  }
  std::string blob_path(const std::string& repo = kGated) {
    return "/v2/" + repo + "/blobs/sha256:" + digest();
  }
  Answer blob(const std::string& repo, std::string_view token = {}, Fields fields = {}) {
    return send("GET", blob_path(repo), token, std::move(fields));
  }
  Answer page(const std::string& repo, std::string_view token = {}, Fields fields = {}) {
    fields.emplace_back("Origin", "https://page.example");
    return send("GET", "/" + repo + "/resolve/main/" + kQuantized, token, std::move(fields));
  }

  using Ask = std::function<Answer(const std::string& repo, std::string_view token)>;
  struct Door {
    std::string name;
    Ask ask;
  };
  /// Every way to ask for something that is not for everybody.
  std::vector<Door> doors() {
    return {
        {"git refs", [this](auto& repo, auto token) { return refs(repo, token); }},
        {"git pack", [this](auto& repo, auto token) { return upload_pack(repo, token); }},
        {"lfs batch", [this](auto& repo, auto token) { return batch(repo, token); }},
        {"lfs object", [this](auto& repo, auto token) { return object(repo, token); }},
        {"v2 manifest", [this](auto& repo, auto token) { return manifest(repo, token); }},
        {"v2 blob", [this](auto& repo, auto token) { return blob(repo, token); }},
        {"page", [this](auto& repo, auto token) { return page(repo, token); }},
    };
  }
  void nobody_else_may() {
    for (const auto& [name, ask] : doors()) {
      SCOPED_TRACE(name);
      EXPECT_EQ(ask(kGated, "").status, 401);
      EXPECT_EQ(ask(kGated, "hf_other").status, 403);
      EXPECT_EQ(ask(kGated, "hf_bad").status, 401);
    }
  }
  /// A fill of the gated file that runs until the Hub is released.
  void while_it_fills(const std::string& path, const std::function<void()>& check) {
    hub.set_fault({.kind = Fault::Kind::kHold, .host = Host::kCdn, .offset = 4 << 20});
    const auto whole = send("GET", path, "hf_good", {}, {}, [&] {
      while (hub.body_bytes(Host::kCdn) == 0) std::this_thread::yield();
      check();
      hub.release();
    });
    EXPECT_EQ(whole.body, bytes());
  }
  /// A repo of somebody's whose LFS file names the digest of the gated one.
  void add_thief() {
    hub.add_repo({.id = "evil/thief"});
    hub.commit("evil/thief", "main",
               {{.path = kQuantized,
                 .content = Content::generated(kQuantizedSize, 4711),
                 .storage = Storage::kLfs,
                 .claimed_sha256 = digest()}});
  }
};

TEST_F(SecurityDoorsTest, Rule2AtGitNobodyReadsByAnothersRight) {
  ASSERT_EQ(refs(kGated, "hf_good").status, 200);
  ASSERT_THAT(upload_pack(kGated, "hf_good").body, HasSubstr(hub.sha(kGated)));
  for (const std::string token : {"", "hf_other", "hf_bad"}) {
    EXPECT_NE(refs(kGated, token).status, 200);
    EXPECT_THAT(upload_pack(kGated, token).body, Not(HasSubstr(hub.sha(kGated))));
  }
  // The Hub is heard at once.
  hub.add_token("hf_good", {.user = "good"});
  EXPECT_EQ(refs(kGated, "hf_good").status, 403);
  clock.advance(1s);
  EXPECT_EQ(get("/org/gated/resolve/main/config.json", "hf_good").status, 403);
}

TEST_F(SecurityDoorsTest, Rule2AtLfsAReaderWithoutRightGetsNothingOfARunningFill) {
  ASSERT_EQ(batch(kGated, "hf_good").status, 200);
  while_it_fills(object_path(), [this] { nobody_else_may(); });
  nobody_else_may();
}

TEST_F(SecurityDoorsTest, Rule2AtV2AReaderWithoutRightGetsNothingOfARunningFill) {
  ASSERT_EQ(manifest(kGated, "hf_good").status, 200);
  while_it_fills(blob_path(), [this] { nobody_else_may(); });
  nobody_else_may();
}

TEST_F(SecurityDoorsTest, Rule2AtBrowsersAPageWithoutRightGetsNothingOfARunningFill) {
  while_it_fills("/org/gated/resolve/main/" + kQuantized, [this] { nobody_else_may(); });
  nobody_else_may();
}

TEST_F(SecurityDoorsTest, Rule2ARightThatIsTakenBackClosesWhatItOpened) {
  for (const auto& [name, ask] : doors()) {
    SCOPED_TRACE(name);
    hub.add_token("hf_good", {.user = "good", .granted = {kGated}});
    clock.advance(6min);
    ASSERT_EQ(ask(kGated, "hf_good").status, 200);
    hub.add_token("hf_good", {.user = "good"});
    clock.advance(6min);
    EXPECT_EQ(ask(kGated, "hf_good").status, 403);
  }
}

TEST_F(SecurityDoorsTest, Rule8AtGitAPointerIsNoRightToWhatItNames) {
  ASSERT_EQ(object(kGated, "hf_good").body, bytes());
  wait_stored(1);
  add_thief();
  EXPECT_EQ(refs("evil/thief").status, 200);
  EXPECT_EQ(upload_pack("evil/thief").status, 200);
  const auto raw = get("/evil/thief/raw/main/" + kQuantized);
  EXPECT_THAT(raw.body, HasSubstr(digest()));
  EXPECT_NE(get("/evil/thief/resolve/main/" + kQuantized).body, bytes());
  EXPECT_EQ(stored_blobs(), 1U);
}

TEST_F(SecurityDoorsTest, Rule8AtLfsADigestThatIsOnlyNamedShowsNothing) {
  ASSERT_EQ(object(kGated, "hf_good").body, bytes());
  wait_stored(1);
  // The Hub does not name it for this repo at all...
  EXPECT_EQ(object("org/model").status, 404);
  EXPECT_EQ(Json::parse(batch("org/model").body).at("objects").at(0).at("error").at("code"), 404);
  // ...and for this one it does, but delivers other bytes.
  add_thief();
  EXPECT_EQ(batch("evil/thief").status, 200);
  for (int i = 0; i < 2; ++i) {
    const auto stolen = object("evil/thief");
    EXPECT_EQ(stolen.status, 502);
    EXPECT_NE(stolen.body, bytes());
  }
  EXPECT_EQ(object(kGated, "hf_good").body, bytes());
}

TEST_F(SecurityDoorsTest, Rule8AtV2ADigestThatIsOnlyNamedShowsNothing) {
  ASSERT_EQ(blob(kGated, "hf_good").body, bytes());
  wait_stored(1);
  EXPECT_EQ(blob("org/model").status, 404);
  add_thief();
  EXPECT_THAT(manifest("evil/thief").body, HasSubstr(digest()));
  for (int i = 0; i < 2; ++i) {
    const auto stolen = blob("evil/thief");
    EXPECT_EQ(stolen.status, 502);
    EXPECT_NE(stolen.body, bytes());
  }
  EXPECT_EQ(blob(kGated, "hf_good").body, bytes());
}

TEST_F(SecurityDoorsTest, Rule8AtBrowsersADigestThatIsOnlyNamedShowsNothing) {
  ASSERT_EQ(page(kGated, "hf_good").body, bytes());
  wait_stored(1);
  add_thief();
  const auto stolen = page("evil/thief");
  EXPECT_EQ(stolen.status, 502);
  EXPECT_NE(stolen.body, bytes());
}

TEST_F(SecurityDoorsTest, Rule8WhatOneDoorHasProvenServesAtTheOthers) {
  hub.add_repo({.id = "org/copy"});
  hub.add_file("org/copy", kQuantized, Content::generated(kQuantizedSize, 7), Storage::kLfs);
  ASSERT_EQ(object(kGated, "hf_good").body, bytes());
  wait_stored(1);
  ASSERT_EQ(manifest("org/copy").status, 200);
  ASSERT_EQ(batch("org/copy").status, 200);
  hub.clear_log();
  EXPECT_EQ(blob("org/copy").body, bytes());
  EXPECT_GT(hub.count(Host::kCdn), 0U);
  EXPECT_LE(hub.body_bytes(Host::kCdn), 1U << 20U);  // one block of proof
  hub.clear_log();
  EXPECT_EQ(object("org/copy").body, bytes());
  EXPECT_EQ(page("org/copy").body, bytes());
  EXPECT_EQ(hub.count(Host::kCdn), 0U);
}

TEST_F(SecurityDoorsTest, Rule10AtGitLfsV2AndBrowsersBeingCachedIsNotTold) {
  for (const auto& [name, ask] : doors()) {
    for (const std::string token : {"", "hf_other", "hf_bad"}) {
      SCOPED_TRACE(name + " " + token);
      restart();
      clock.advance(1h);
      const auto cold = told(ask(kGated, token));
      ASSERT_EQ(ask(kGated, "hf_good").status, 200);
      clock.advance(2min);
      EXPECT_EQ(told(ask(kGated, token)), cold);
      // Nor by a repo that is open to all.
      const auto elsewhere = told(ask("org/model", token));
      EXPECT_THAT(elsewhere, Each(Pair(_, Not(HasSubstr(bytes().substr(0, 100))))));
    }
  }
}

TEST_F(SecurityDoorsTest, Rule21AtGitLfsAndV2ABrowserRunsNothingAndPagesReadWhatAnybodyMay) {
  const std::string repo = "org/open";
  hub.add_repo({.id = repo});
  hub.add_file(repo, kQuantized, Content::generated(kQuantizedSize, 7), Storage::kLfs);
  hub.set_fault({.kind = Fault::Kind::kHeader,
                 .headers = {{"Content-Type", "text/html;json"}, {"Set-Cookie", "a=b"}}});
  const Fields from_page{{"Origin", "https://page.example"}};
  const auto all_of = [&](std::string_view token) {
    return std::vector<Answer>{
        refs(repo, token, from_page),
        upload_pack(repo, token, from_page),
        batch(repo, token, from_page),
        object(repo, token, from_page),
        manifest(repo, token, from_page),
        blob(repo, token, from_page),
        send("GET", "/" + repo + "/info/refs?service=git-receive-pack", token, from_page),
        send("GET", "/v2/org/none/manifests/latest", token, from_page)};
  };
  for (const auto& answer : all_of("")) {
    EXPECT_EQ(answer.header("access-control-allow-origin"), "*") << answer.body.substr(0, 80);
    EXPECT_EQ(answer.header("access-control-allow-credentials"), "");
    EXPECT_EQ(answer.header("x-content-type-options"), "nosniff");
    EXPECT_EQ(answer.header("content-security-policy"), "default-src 'none'; sandbox");
    EXPECT_EQ(answer.header("set-cookie"), "");
    EXPECT_THAT(answer.header("content-type"), Not(HasSubstr("html")));
  }
  for (const auto& answer : all_of("hf_good")) {
    EXPECT_EQ(answer.header("access-control-allow-origin"), "");
  }
  for (const auto& path : {blob_path(repo), object_path(repo)}) {
    EXPECT_EQ(send("GET", path, "", {{"Service-Worker", "script"}}).status, 403);
  }
}

}  // namespace
}  // namespace hubcache::test
