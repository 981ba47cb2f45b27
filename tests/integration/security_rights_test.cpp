// SECURITY rules 1 to 8: who may read what.
#include <algorithm>
#include <atomic>
#include <future>
#include <set>
#include <string>
#include <thread>
#include <utility>
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

TEST_F(SecurityRightsTest, Rule1ARepoThatTookAFreedNameShowsNothingOfTheOneBefore) {
  const std::string commit = hub.sha("org/gated");
  const std::string file = "/org/gated/resolve/" + commit + "/model.safetensors";
  const std::string tree = "/api/models/org/gated/tree/" + commit + "?recursive=true";
  ASSERT_EQ(get(file, "hf_good").status, 200);
  const auto listed = get(tree, "hf_good").body;
  hub.rename("org/gated", "org/moved");
  hub.add_repo({.id = "org/gated"});
  hub.add_file("org/gated", "README.md", "mine");
  clock.advance(31min);
  for (const auto& visibility : {hubsim::Visibility{}, hubsim::Visibility{.is_private = true}}) {
    hub.set_visibility("org/gated", visibility);
    hub.add_token("hf_thief", {.user = "thief", .granted = {"org/gated"}});
    clock.advance(2min);
    ASSERT_EQ(get("/org/gated/resolve/main/README.md", "hf_thief").body, "mine");
    EXPECT_EQ(get(file, "hf_thief").header("x-error-code"), "RevisionNotFound");
    EXPECT_NE(get(tree, "hf_thief").body, listed);
  }
  hub.stop();
  EXPECT_NE(get(file, "hf_thief").status, 200);
  hub.start();
}

TEST_F(SecurityRightsTest, Rule1ARepoIsOneByAllItsNames) {
  hub.add_file("org/new-name", "big.bin", Content::generated(2 << 20, 9), Storage::kLfs);
  const auto by = [&](const std::string& name) {
    return get("/" + name + "/resolve/main/big.bin");
  };
  const auto first = by("org/old-name");
  ASSERT_EQ(first.body, hub.bytes("org/new-name", "big.bin"));
  wait_stored(1);
  hub.clear_log();
  EXPECT_EQ(by("org/new-name").body, first.body);
  EXPECT_EQ(hub_requests(), 0u);
  EXPECT_EQ(by("ORG/New-Name").body, first.body);
  EXPECT_EQ(by("Org/Old-name").body, first.body);
  EXPECT_EQ(hub.count(Host::kCdn), 0u);
  const auto info = get("/api/models/org/old-name");
  EXPECT_EQ(nlohmann::json::parse(info.body).at("id"), "org/new-name");
  hub.clear_log();
  EXPECT_EQ(get("/api/models/org/new-name").body, info.body);
  EXPECT_EQ(hub_requests(), 0u);
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

TEST_F(SecurityRightsTest, Rule2AFillGoesOnWithAnotherReadersSourceWhenOneIsRefused) {
  hub.add_token("hf_more", {.user = "more", .granted = {"org/gated"}});
  const std::string path = "/org/gated/resolve/main/shared.bin";
  hub.add_file("org/gated", "shared.bin", Content::generated(8 << 20, 7), Storage::kLfs);
  // Of the first reader's source: 5 MiB, held at 4 until both read; then a place that expired.
  hub.set_fault({.kind = Fault::Kind::kHold, .host = Host::kCdn, .offset = 4 << 20});
  hub.set_fault({.kind = Fault::Kind::kCut,
                 .host = Host::kCdn,
                 .offset = 5 << 20,
                 .reset = false,
                 .count = 1});
  hub.set_fault({.kind = Fault::Kind::kExpire, .host = Host::kCdn, .skip = 1, .count = 1});
  const auto read = [&](const std::string& token, std::promise<void>& begun) {
    return fetch(port, "/pulp/content/hf" + path, {{"Authorization", "Bearer " + token}}, "GET", {},
                 [&begun] { begun.set_value(); });
  };
  std::promise<void> begun[2];
  auto refused = std::async(std::launch::async, read, "hf_good", std::ref(begun[0]));
  begun[0].get_future().wait();
  auto other = std::async(std::launch::async, read, "hf_more", std::ref(begun[1]));
  begun[1].get_future().wait();
  hub.add_token("hf_good", {.user = "good"});
  hub.release();
  const auto whole = other.get();
  EXPECT_TRUE(whole.complete);
  EXPECT_EQ(whole.body, hub.bytes("org/gated", "shared.bin"));
  EXPECT_FALSE(refused.get().complete);
  EXPECT_LT(hub.body_bytes(Host::kCdn), 9U << 20U);  // one download, gone on with
  EXPECT_EQ(statuses(path, "hf_good"), just(403));
  EXPECT_EQ(statuses(path, "hf_more"), just(200));
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
        "/api/models/org/model/jwt", "/api/models/org/model/user-access-request/pending"}) {
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

TEST_F(SecurityRightsTest, Rule5QuestionsUnderWayAreSharedByOneCredentialOnly) {
  hub.set_fault({.kind = Fault::Kind::kDelay, .match = "org/private", .delay = 1h});
  const auto ask = [&](std::string_view token) {
    return std::async(std::launch::async, [&, token] { return get(kPrivateFile, token).status; });
  };
  auto good = ask("hf_good");
  auto other = ask("hf_other");
  auto nobody = ask("");
  const auto asked = [&](std::string_view authorization, std::string_view part) {
    return std::ranges::count_if(hub.log(), [&](const auto& request) {
      return request.header("authorization") == authorization &&
             request.target.find(part) != std::string::npos;
    });
  };
  const std::string_view credentials[] = {"Bearer hf_good", "Bearer hf_other", ""};
  for (const auto credential : credentials) {
    for (const std::string_view part : {"/resolve/", "auth-check"}) {
      while (asked(credential, part) == 0) std::this_thread::yield();
    }
  }
  hub.clear_faults();
  EXPECT_EQ(good.get(), 200);
  EXPECT_EQ(other.get(), 404);
  EXPECT_EQ(nobody.get(), 401);
}

TEST_F(SecurityRightsTest, Rule5AnonymousQuestionsAreAskedOnceForAll) {
  hub.set_fault({.kind = Fault::Kind::kDelay, .match = "org/model", .delay = 1h});
  std::atomic<int> begun = 0;
  std::vector<std::future<int>> clients;
  for (int i = 0; i < 6; ++i) {
    clients.push_back(std::async(std::launch::async, [&] {
      ++begun;
      return get("/org/model/resolve/main/model.safetensors").status;
    }));
  }
  while (begun < 6 || hub_requests() < 2) std::this_thread::yield();
  for (int i = 0; i < 50; ++i) fetch(port, "/healthz");  // so that those who came before are heard
  hub.clear_faults();
  for (auto& client : clients) EXPECT_EQ(client.get(), 200);
  EXPECT_EQ(hub.count(Host::kHub, "GET", "auth-check"), 1u);
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

TEST_F(SecurityRightsTest, Rule7ARepoThatTurnsGatedIsClosedByTheFirstRefusal) {
  const std::string commit = hub.sha("org/model");
  const std::string at_commit = "/org/model/resolve/" + commit;
  const std::string cached = at_commit + "/config.json";
  const std::string asked_first[] = {
      "/org/model/resolve/dev/config.json",   // a revision nobody asked for
      "/org/model/resolve/main/config.json",  // a branch whose time is over
      at_commit + "/tokenizer.json",          // a file whose bytes are not here
      "/api/models/org/model/commits/main",   // a document that is behind the gate
  };
  for (const auto& path : asked_first) {
    SCOPED_TRACE(path);
    hub.set_visibility("org/model", {});
    clock.advance(2min);
    ASSERT_EQ(statuses(cached), just(200));
    ASSERT_EQ(get("/org/model/resolve/main/config.json").status, 200);
    ASSERT_EQ(head(at_commit + "/tokenizer.json").status, 200);
    hub.set_visibility("org/model", {.gate = hubsim::Gate::kManual});
    clock.advance(2min);  // far less than a repo is taken to be public
    EXPECT_EQ(get(path).header("x-error-code"), "GatedRepo");
    for (const auto& [token, status] : {std::pair("", 401), std::pair("hf_other", 403)}) {
      EXPECT_EQ(statuses(cached, token), just(status));
      for (const auto& answer : {head(cached, token), get(cached, token)}) {
        EXPECT_EQ(answer.status, status);
        EXPECT_EQ(answer.header("x-error-code"), "GatedRepo");
      }
    }
    EXPECT_EQ(get(at_commit + "/README.md").status, 200);
  }
}

// Half an hour may pass until the gate is seen: what is masked already is not kept for everybody.
TEST_F(SecurityRightsTest, Rule4WhatIsMaskedIsNotKeptForThoseWhoMayReadTheRepo) {
  const std::string tree = "/api/models/org/model/tree/" + hub.sha("org/model");
  const std::string oid = hub.etag("org/model", "model.safetensors");
  ASSERT_EQ(get(kConfig).status, 200);
  hub.set_visibility("org/model", {.gate = hubsim::Gate::kManual});
  EXPECT_EQ(get(tree).body.find(oid), std::string::npos);
  hub.set_visibility("org/model", {});
  EXPECT_NE(get(tree).body.find(oid), std::string::npos);
  clock.advance(2min);
  EXPECT_NE(get(tree).body.find(oid), std::string::npos);
}

TEST_F(SecurityRightsTest, Rule7AMembersRightTeachesNothingThatEverybodyIsShown) {
  hub.add_token("hf_member", {.user = "member", .granted = {"org/model"}});
  ASSERT_EQ(get("/org/model/resolve/main/config.json").status, 200);  // public, for half an hour
  hub.set_visibility("org/model", {.is_private = true});
  hub.add_file("org/model", "secret.txt", "for members");
  clock.advance(2min);
  const std::string secret = "/org/model/resolve/main/secret.txt";
  const std::string info = "/api/models/org/model/revision/main";
  ASSERT_EQ(get(secret, "hf_member").body, "for members");
  EXPECT_EQ(get(info).status, 401);
  EXPECT_EQ(get(info, "hf_member").status, 200);
  EXPECT_EQ(statuses(secret), just(401));
  EXPECT_EQ(statuses(secret, "hf_other"), just(404));
  EXPECT_EQ(statuses(secret, "hf_member"), just(200));
}

TEST_F(SecurityRightsTest, Rule7WhatIsNotPublicAnyMoreIsStillForItsMembers) {
  hub.add_token("hf_member", {.user = "member", .granted = {"org/model"}});
  const std::string paths[] = {"/api/models/org/model/revision/main",
                               "/org/model/resolve/main/config.json"};
  for (const auto& path : paths) {
    hub.set_visibility("org/model", {});
    clock.advance(2min);
    ASSERT_EQ(statuses(path), just(200));
    hub.set_visibility("org/model", {.is_private = true});
    clock.advance(2min);
    EXPECT_EQ(get(path, "hf_member").status, 200) << path;
    EXPECT_EQ(statuses(path), just(401)) << path;
  }
}

TEST_F(SecurityRightsTest, Rule4ARefusedCallerIsRefusedDocumentsWithoutAskingAgain) {
  for (const std::string path : {"/api/models/org/private", "/api/models/org/private/tree/main"}) {
    ASSERT_EQ(get(path).status, 401);
    hub.clear_log();
    const auto again = get(path);
    EXPECT_EQ(again.status, 401);
    EXPECT_EQ(again.header("x-error-code"), "RepoNotFound");
    EXPECT_EQ(hub.count(Host::kHub), 0u) << path;
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

TEST_F(SecurityRightsTest, Rule10TheSizeOfWhatIsStoredIsNotToldToWhoNamesItsDigest) {
  const std::string path = "/resolve/main/model.safetensors";
  ASSERT_EQ(get("/org/private" + path, "hf_good").status, 200);
  const auto size = hub.size("org/private", "model.safetensors");
  std::set<std::pair<int, std::string>> answers;
  for (const auto named : {size - 1, size, size + 1}) {
    const auto repo = "evil/thief" + std::to_string(named);
    hub.add_repo({.id = repo});
    hub.commit(repo, "main",
               {{.path = "model.safetensors",
                 .content = Content::generated(named, 4711),
                 .storage = Storage::kLfs,
                 .claimed_sha256 = hub.etag("org/private", "model.safetensors")}});
    const auto stolen = get("/" + repo + path);
    answers.emplace(stolen.status, stolen.body);
  }
  EXPECT_EQ(answers.size(), 1U);
}

TEST_F(SecurityRightsTest, Rule8ADigestOfARunningFillNamedByAnotherRepoShowsNothing) {
  const std::string path = "/resolve/main/weights.bin";
  hub.add_file("org/private", "weights.bin", Content::generated(8 << 20, 7), Storage::kLfs);
  hub.add_repo({.id = "evil/thief"});
  hub.add_file("evil/thief", "weights.bin", Content::generated(8 << 20, 4711), Storage::kLfs);
  hub.set_fault(
      {.kind = Fault::Kind::kHeader,
       .match = "evil/thief/resolve",
       .headers = {{"X-Linked-ETag", '"' + hub.etag("org/private", "weights.bin") + '"'}}});
  hub.set_fault({.kind = Fault::Kind::kHold, .host = Host::kCdn, .offset = 6 << 20, .count = 1});
  std::promise<void> begun;
  auto owner = std::async(std::launch::async, [&] {
    return fetch(port, "/pulp/content/hf/org/private" + path, {{"Authorization", "Bearer hf_good"}},
                 "GET", {}, [&begun] { begun.set_value(); });
  });
  begun.get_future().wait();
  const auto stolen = get("/evil/thief" + path);
  EXPECT_FALSE(stolen.status == 200 && stolen.complete);
  const auto secret = hub.bytes("org/private", "weights.bin");
  EXPECT_EQ(stolen.body.find(secret.substr(0, 64)), std::string::npos);
  hub.release();
  EXPECT_EQ(owner.get().body, secret);
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

TEST_F(SecurityRightsTest, Rule9ARefusalByOneNameClosesAllNames) {
  const std::string names[] = {"org/new-name", "org/old-name", "Org/New-name"};
  const auto commit = hub.sha("org/new-name");
  for (const auto& asked : names) {
    SCOPED_TRACE(asked);
    hub.set_visibility("org/new-name", {});
    clock.advance(2min);
    for (const auto& name : names) {
      ASSERT_EQ(get("/" + name + "/resolve/main/config.json").status, 200) << name;
      ASSERT_EQ(statuses("/" + name + "/resolve/" + commit + "/config.json"), just(200)) << name;
    }
    hub.set_visibility("org/new-name", {.is_private = true});
    clock.advance(2min);
    EXPECT_EQ(get("/" + asked + "/resolve/main/config.json").status, 401);
    for (const auto& name : names) {
      EXPECT_EQ(statuses("/" + name + "/resolve/" + commit + "/config.json"), just(401)) << name;
      EXPECT_EQ(get("/api/models/" + name).status, 401) << name;
    }
  }
}

TEST_F(SecurityRightsTest, Rule9AnOldNameThatSomebodyTookShowsNothingOfTheirs) {
  const std::string file = "/org/old-name/resolve/main/config.json";
  const auto before = get(file);
  ASSERT_EQ(before.status, 200);
  hub.add_repo({.id = "org/old-name", .visibility = {.is_private = true}});
  hub.add_file("org/old-name", "config.json", "theirs");
  hub.add_file("org/old-name", "secret.txt", "theirs");
  hub.add_token("hf_owner", {.user = "owner", .granted = {"org/old-name"}});
  const auto nobody_sees_theirs = [&] {
    for (const std::string path : {"config.json", "secret.txt"}) {
      for (const std::string token : {"", "hf_other"}) {
        const auto answer = get("/org/old-name/resolve/main/" + path, token);
        EXPECT_NE(answer.body, "theirs") << path << " " << token;
      }
    }
  };
  get("/org/old-name/resolve/main/secret.txt", "hf_owner");
  nobody_sees_theirs();
  clock.advance(2min);  // branches are looked up anew, the repo is still taken to be public
  get("/org/old-name/resolve/main/secret.txt", "hf_owner");
  nobody_sees_theirs();
  clock.advance(31min);
  EXPECT_EQ(get(file, "hf_owner").body, "theirs");
  EXPECT_EQ(get("/org/old-name/resolve/main/secret.txt", "hf_owner").body, "theirs");
  nobody_sees_theirs();
  EXPECT_EQ(get("/org/new-name/resolve/main/config.json").body, before.body);
  hub.stop();
  clock.advance(1h);
  nobody_sees_theirs();
  EXPECT_EQ(get(file, "hf_owner").body, "theirs");
  hub.start();
}

TEST_F(SecurityRightsTest, Rule9WhatARedirectedHeadShowsIsNoRightToTheRepoThatWasAsked) {
  hub.add_repo({.id = "evil/door"});
  hub.add_file("evil/door", "config.json", "bait");
  hub.set_fault({.kind = Fault::Kind::kStatus,
                 .match = "/evil/door/resolve/",
                 .status = 307,
                 .headers = {{"Location", std::string(kPrivateFile)}}});
  const std::string door = "/evil/door/resolve/main/config.json";
  const auto own = get(door, "hf_good");  // who may read what it leads to
  EXPECT_EQ(own.body, hub.bytes("org/private", "config.json"));
  EXPECT_NE(get(door).status, 200);
  EXPECT_NE(get(door, "hf_other").status, 200);
  hub.clear_faults();
  EXPECT_EQ(statuses(std::string(kPrivateFile)), just(401));
  EXPECT_EQ(get(door).body, "bait");
  EXPECT_EQ(get(door, "hf_good").body, "bait");
}

TEST_F(SecurityRightsTest, Rule9ARepoThatIsRenamedWhileItIsKnownIsServedByItsNewName) {
  const std::string file = "/org/model/resolve/main/config.json";
  ASSERT_EQ(get(file).status, 200);
  hub.rename("org/model", "org/renamed");
  hub.add_file("org/renamed", "later.txt", "later");
  clock.advance(2min);
  EXPECT_EQ(get("/org/model/resolve/main/later.txt").body, "later");
  EXPECT_EQ(get("/org/renamed/resolve/main/later.txt").body, "later");
  hub.set_visibility("org/renamed", {.is_private = true});
  clock.advance(2min);
  EXPECT_EQ(get(file).status, 401);
  EXPECT_EQ(get("/org/renamed/resolve/main/later.txt").status, 401);
}

TEST_F(SecurityRightsTest, Rule9APrivateRepoBehindAPublicMemoOfItsNameIsNotShown) {
  hub.add_token("hf_owner", {.user = "owner", .granted = {"org/hidden"}});
  ASSERT_EQ(get("/org/model/resolve/main/config.json").status, 200);
  hub.rename("org/model", "org/hidden");
  hub.set_visibility("org/hidden", {.is_private = true});
  hub.add_file("org/hidden", "secret.txt", "theirs");
  clock.advance(2min);
  EXPECT_EQ(get("/org/model/resolve/main/secret.txt", "hf_owner").body, "theirs");
  EXPECT_NE(get("/org/model/resolve/main/secret.txt").status, 200);
  EXPECT_NE(get("/org/hidden/resolve/main/secret.txt").status, 200);
}

}  // namespace
}  // namespace hubcache::test
