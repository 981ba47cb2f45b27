// SECURITY rules 1 to 8: who may read what.
#include <set>
#include <string>
#include <thread>
#include <vector>

#include <nlohmann/json.hpp>

#include "integration/fixture.h"

namespace hubcache::test {
namespace {

using namespace std::chrono_literals;
using hubsim::Content;
using hubsim::Fault;
using hubsim::Host;
using hubsim::Storage;

constexpr std::string_view kGatedFile = "/org/gated/resolve/main/model.safetensors";
constexpr std::string_view kPrivateFile = "/org/private/resolve/main/config.json";

class SecurityRightsTest : public ServerTest {
 protected:
  /// The statuses of one request after the other, by way of every worker.
  std::set<int> statuses(const std::string& path, std::string_view token = {}) {
    std::set<int> seen;
    std::vector<Fd> idle;
    for (std::size_t i = 0; i <= config.server.workers; ++i) {
      seen.insert(get(path, token).status);
      idle.push_back(connect_to(port));
    }
    return seen;
  }
  static std::set<int> just(int status) { return {status}; }
};

TEST_F(SecurityRightsTest, Rule1ACommitOfOneRepoIsUnknownInAnother) {
  const std::string commit = hub.sha("org/private");
  ASSERT_EQ(get("/org/private/resolve/" + commit + "/config.json", "hf_good").status, 200);
  const auto other = get("/org/model/resolve/" + commit + "/config.json");
  EXPECT_EQ(other.status, 404);
  EXPECT_EQ(other.header("x-error-code"), "RevisionNotFound");
}

TEST_F(SecurityRightsTest, Rule1AnAbsenceInOneRepoIsNoneInAnother) {
  ASSERT_EQ(get("/org/model/resolve/main/only-elsewhere.txt").status, 404);
  hub.add_repo({.id = "org/second"});
  hub.add_file("org/second", "only-elsewhere.txt", "here");
  EXPECT_EQ(get("/org/second/resolve/main/only-elsewhere.txt").body, "here");
}

TEST_F(SecurityRightsTest, Rule2AReaderWithoutRightGetsNothingOfARunningFill) {
  hub.add_file("org/gated", "held.bin", Content::generated(8 << 20, 7), Storage::kLfs);
  hub.set_fault({.kind = Fault::Kind::kHold, .host = Host::kCdn, .offset = 4 << 20});
  std::thread reader([&] { get("/org/gated/resolve/main/held.bin", "hf_good"); });
  while (hub.body_bytes(Host::kCdn) == 0) std::this_thread::yield();
  EXPECT_EQ(get("/org/gated/resolve/main/held.bin").status, 401);
  EXPECT_EQ(get("/org/gated/resolve/main/held.bin", "hf_other").status, 403);
  hub.release();
  reader.join();
}

TEST_F(SecurityRightsTest, Rule3TheRemotesTokenGoesToTheHubsReadingRoutesOnly) {
  const auto made =
      rest("POST", kRemotes, R"({"name":"t","url":")" + hub.url() + R"(","hf_token":"hf_good"})");
  ASSERT_EQ(made.status, 201) << made.body;
  const std::string href = nlohmann::json::parse(made.body).at("pulp_href");
  ASSERT_EQ(
      rest("POST", kDistributions, R"({"name":"t","base_path":"t","remote":")" + href + R"("})")
          .status,
      202);
  EXPECT_EQ(fetch(port, "/pulp/content/t/org/private/resolve/main/model.safetensors").status, 200);
  EXPECT_EQ(hub.cdn_authorizations(), 0u);
  hub.clear_log();
  for (const std::string_view path :
       {"/api/whoami-v2", "/api/models", "/api/models/org/model/xet-write-token/main",
        "/api/models/org/model/jwt", "/api/models/org/model/user-access-request/pending",
        "/api/models/org/model/xet-read-token/main"}) {
    fetch(port, "/pulp/content/t" + std::string(path));
  }
  for (const auto& request : hub.log()) {
    EXPECT_EQ(request.header("authorization"), "") << request.target;
  }
}

TEST_F(SecurityRightsTest, Rule5ACallersOwnTokenIsNotSharedBetweenCallers) {
  ASSERT_EQ(get(kPrivateFile, "hf_good").status, 200);
  hub.clear_log();
  EXPECT_EQ(get(kPrivateFile, "hf_other").status, 404);
  for (const auto& request : hub.log()) {
    EXPECT_EQ(request.header("authorization"), "Bearer hf_other") << request.target;
  }
}

TEST_F(SecurityRightsTest, Rule6OurOwnCredentialsAreNeverForwarded) {
  hub.clear_log();
  get("/org/model/resolve/main/config.json", "hc_secret");
  fetch(port, "/pulp/content/hf/org/model/resolve/main/README.md",
        {{"Authorization", "Basic YWRtaW46cGFzc3dvcmQ="}});
  for (const auto& request : hub.log()) EXPECT_EQ(request.header("authorization"), "");
  ASSERT_FALSE(hub.log().empty());
}

TEST_F(SecurityRightsTest, Rule6TwoAuthorizationHeadersAre400) {
  EXPECT_EQ(get(kPrivateFile, "hf_good", {{"Authorization", "Bearer hf_other"}}).status, 400);
}

TEST_F(SecurityRightsTest, Rule6OwnPathsNeverFallThroughToTheRootDistribution) {
  hub.clear_log();
  EXPECT_EQ(fetch(port, "/pulp/nothing").status, 404);
  EXPECT_EQ(fetch(port, "/-/nothing").status, 404);
  EXPECT_EQ(fetch(port, "/pulp/api/v3/nothing/").status, 404);
  EXPECT_EQ(hub_requests(), 0u);
}

TEST_F(SecurityRightsTest, Rule7ARightEndsWithItsTime) {
  ASSERT_EQ(get(kGatedFile, "hf_good").status, 200);
  hub.clear_log();
  EXPECT_EQ(get(kGatedFile, "hf_good").status, 200);
  EXPECT_EQ(hub_requests("auth-check"), 0u);
  hub.revoke_token("hf_good");
  clock.advance(6min);
  EXPECT_EQ(get(kGatedFile, "hf_good").status, 401);
}

TEST_F(SecurityRightsTest, Rule7AStaleRightServesOnlyWhileTheOriginIsDown) {
  const std::string commit = hub.sha("org/gated");
  const std::string file = "/org/gated/resolve/" + commit + "/model.safetensors";
  ASSERT_EQ(get(file, "hf_good").status, 200);
  clock.advance(6min);
  hub.stop();
  EXPECT_EQ(get(file, "hf_good").status, 200);
  EXPECT_GE(get(file, "hf_other").status, 500);
  EXPECT_GE(get(file).status, 500);
  clock.advance(25h);
  EXPECT_GE(get(file, "hf_good").status, 500);
  hub.start();
}

TEST_F(SecurityRightsTest, Rule7ARefusalClearsTheMemoThatARepoWasPublic) {
  const std::string file = "/org/model/resolve/main/config.json";
  ASSERT_EQ(get(file).status, 200);
  hub.set_visibility("org/model", {.is_private = true});
  clock.advance(31min);
  EXPECT_EQ(get(file).status, 401);
  hub.stop();
  EXPECT_NE(get(file).status, 200);
  hub.start();
}

TEST_F(SecurityRightsTest, Rule7ARefusalOfAnyKindEndsWhatIsKnownOfTheRepo) {
  const std::string commit = hub.sha("org/model");
  const std::string cached = "/org/model/resolve/" + commit + "/config.json";
  const std::string asked_first[] = {
      "/org/model/resolve/dev/config.json",                // a revision nobody asked for
      "/org/model/resolve/main/config.json",               // a branch whose time is over
      "/api/models/org/model",                             // a document
      "/org/model/resolve/" + commit + "/tokenizer.json",  // a file whose bytes are not here
  };
  for (const auto& path : asked_first) {
    SCOPED_TRACE(path);
    hub.set_visibility("org/model", {});
    clock.advance(2min);
    ASSERT_EQ(statuses(cached), just(200));
    ASSERT_EQ(get("/org/model/resolve/main/config.json").status, 200);
    ASSERT_EQ(head("/org/model/resolve/" + commit + "/tokenizer.json").status, 200);
    hub.set_visibility("org/model", {.is_private = true});
    clock.advance(2min);  // far less than a repo is taken to be public
    EXPECT_EQ(get(path).status, 401);
    EXPECT_EQ(statuses(cached), just(401));
    EXPECT_EQ(statuses(cached, "hf_other"), just(404));
  }
}

TEST_F(SecurityRightsTest, Rule8ADigestNamedByAnotherRepoShowsNothing) {
  const std::string path = "/resolve/main/model.safetensors";
  const auto good = get("/org/private" + path, "hf_good");
  ASSERT_EQ(good.status, 200);
  hub.add_repo({.id = "evil/thief"});
  hub.add_file("evil/thief", "model.safetensors",
               Content::generated(hub.size("org/private", "model.safetensors"), 4711),
               Storage::kLfs);
  const std::string tag = '"' + hub.etag("org/private", "model.safetensors") + '"';
  hub.set_fault({.kind = Fault::Kind::kHeader,
                 .match = "evil/thief/resolve",
                 .headers = {{"X-Linked-ETag", tag}}});
  for (int i = 0; i < 2; ++i) {
    const auto stolen = get("/evil/thief" + path);
    EXPECT_NE(stolen.body, good.body);
    EXPECT_FALSE(stolen.status == 200 && stolen.complete);
  }
  EXPECT_EQ(get("/org/private" + path, "hf_good").body, good.body);
}

TEST_F(SecurityRightsTest, Rule8ARepoThatReallyHasTheBytesIsServedFromTheStore) {
  hub.add_repo({.id = "org/copy"});
  hub.add_file("org/model", "shared.bin", Content::generated(9 << 20, 5), Storage::kLfs);
  hub.add_file("org/copy", "shared.bin", Content::generated(9 << 20, 5), Storage::kLfs);
  const auto first = get("/org/model/resolve/main/shared.bin");
  wait_stored(1);
  hub.clear_log();
  const auto second = get("/org/copy/resolve/main/shared.bin");
  EXPECT_EQ(second.status, 200);
  EXPECT_EQ(second.body, first.body);
  EXPECT_LE(hub.body_bytes(Host::kCdn), 1U << 20U);  // one block of proof
  hub.clear_log();
  EXPECT_EQ(get("/org/copy/resolve/main/shared.bin").body, first.body);
  EXPECT_EQ(hub.count(Host::kCdn), 0u);
}

}  // namespace
}  // namespace hubcache::test
