// The Hub's refusals (contract/hub.md 3.4), each the same whether hubcache knows nothing yet,
// knows it, knows it from before and cannot ask, or is told not to ask; on HEAD as on GET.
#include <vector>

#include "integration/fixture.h"

namespace hubcache::test {
namespace {

using namespace std::chrono_literals;

struct Refusal {
  std::string name;
  std::string path;
  std::string token;
  int status;
  std::string code;
  std::string message;
  bool commit = false;  // X-Repo-Commit says at which commit the file is absent
};

const std::vector<Refusal> kRefusals{
    {"a missing file", "/org/model/resolve/main/nope.bin", "", 404, "EntryNotFound",
     "Entry not found", true},
    {"a missing file, its caller known", "/org/model/resolve/main/nope.bin", "hf_good", 404,
     "EntryNotFound", "Entry not found", true},
    {"a missing revision", "/org/model/resolve/nope/config.json", "", 404, "RevisionNotFound",
     "Invalid rev id: nope"},
    {"a missing repo", "/org/none/resolve/main/config.json", "", 401, "RepoNotFound",
     "Invalid username or password."},
    {"a missing repo, its caller known", "/org/none/resolve/main/config.json", "hf_good", 404,
     "RepoNotFound", "Repository not found"},
    {"a private repo", "/org/private/resolve/main/config.json", "", 401, "RepoNotFound",
     "Invalid username or password."},
    {"a private repo of others", "/org/private/resolve/main/config.json", "hf_other", 404,
     "RepoNotFound", "Repository not found"},
    {"a private repo and a bad token", "/org/private/resolve/main/config.json", "hf_bad", 401, "",
     "Invalid credentials in Authorization header"},
    {"a gated repo", "/org/gated/resolve/main/config.json", "", 401, "GatedRepo", ""},
    {"a gated repo, not on its list", "/org/gated/resolve/main/config.json", "hf_other", 403,
     "GatedRepo", ""},
    {"a gated repo, awaiting a review", "/org/gated/resolve/main/config.json", "hf_pending", 403,
     "GatedRepo", ""},
    {"a file a gated repo does not have", "/org/gated/resolve/main/nope.bin", "", 401, "GatedRepo",
     ""},
    {"a disabled repo", "/org/disabled/resolve/main/config.json", "", 403, "",
     "Access to this resource is disabled."},
    {"the info of a missing repo", "/api/models/org/none", "", 401, "RepoNotFound",
     "Invalid username or password."},
    {"the info of a private repo", "/api/models/org/private", "hf_other", 404, "RepoNotFound",
     "Repository not found"},
    {"the tree of a missing revision", "/api/models/org/model/tree/nope", "", 404,
     "RevisionNotFound", "Invalid rev id: nope"},
};

class ErrorsTest : public ServerTest, public testing::WithParamInterface<Refusal> {
 protected:
  void expect_refused(std::string_view when) {
    const auto& want = GetParam();
    for (const auto& answer : {head(want.path, want.token), get(want.path, want.token)}) {
      EXPECT_EQ(answer.status, want.status) << when;
      EXPECT_EQ(answer.header("x-error-code"), want.code) << when;
      EXPECT_NE(answer.header("x-error-message"), "") << when;
      if (!want.message.empty()) EXPECT_EQ(answer.header("x-error-message"), want.message) << when;
      EXPECT_EQ(answer.header("x-repo-commit"), want.commit ? hub.sha("org/model") : "") << when;
      EXPECT_EQ(answer.header("www-authenticate").empty(), want.status != 401) << when;
    }
  }

  /// What is not there in a repo that may be read outlives the Hub; refusals are for their time.
  void expect_kept_or_honest() {
    const auto& want = GetParam();
    const bool kept = want.code == "EntryNotFound" || want.code == "RevisionNotFound";
    if (kept) return expect_refused("after their time");
    for (const auto& answer : {head(want.path, want.token), get(want.path, want.token)}) {
      EXPECT_TRUE(answer.status == 502 || answer.status == 504) << answer.status;
      EXPECT_EQ(answer.header("x-error-code"), "");
    }
  }
};

TEST_P(ErrorsTest, AreTheSameColdAndWarm) {
  expect_refused("cold");
  expect_refused("warm");
  clock.advance(2min);
  expect_refused("after their time");
}

// What nobody can ask about any more is 502 or 504, never another refusal.
TEST_P(ErrorsTest, AreTheSameOrHonestWithTheHubGone) {
  expect_refused("cold");
  hub.stop();
  expect_refused("within their time");
  clock.advance(2min);
  expect_kept_or_honest();
  hub.start();
}

TEST_P(ErrorsTest, AreTheSameOrHonestOffline) {
  expect_refused("cold");
  config.upstream.offline = true;
  restart();
  hub.clear_log();
  expect_refused("within their time");
  clock.advance(2min);
  expect_kept_or_honest();
  EXPECT_EQ(hub_requests(), 0U);
}

TEST_P(ErrorsTest, NeverSeenAreHonestOffline) {
  config.upstream.offline = true;
  restart();
  for (const auto& answer :
       {head(GetParam().path, GetParam().token), get(GetParam().path, GetParam().token)}) {
    EXPECT_EQ(answer.status, 502);
    EXPECT_EQ(answer.header("x-error-code"), "");
    EXPECT_TRUE(answer.header("x-error-message").starts_with("hubcache is offline"));
  }
}

INSTANTIATE_TEST_SUITE_P(Matrix, ErrorsTest, testing::ValuesIn(kRefusals),
                         [](const testing::TestParamInfo<Refusal>& row) {
                           std::string name;
                           for (const char c : row.param.name)
                             name += std::isalnum(c) != 0 ? c : '_';
                           return name;
                         });

class HostTest : public ServerTest {};

TEST_F(HostTest, SecurityRule20ALoopbackServerAnswersForKnownNamesOnly) {
  const std::string file = "/pulp/content/hf/org/model/resolve/main/config.json";
  const std::string api = "/pulp/content/hf/api/";
  for (const auto& path : {file, api + "models/org/model", api + "models/org/model/tree/main",
                           api + "models/org/model/refs", api + "models/org/model/commits/main",
                           api + "models/org/model/auth-check", api + "models", api + "whoami-v2",
                           std::string("/pulp/content/hf/org/model/raw/main/config.json"),
                           std::string("/pulp/content/hf/buckets/org/bucket/resolve/x"),
                           std::string("/pulp/api/v3/status/"), std::string("/")}) {
    const auto answer = send_raw(port, "GET " + path +
                                           " HTTP/1.1\r\nHost: evil.example\r\n"
                                           "Connection: close\r\n\r\n");
    EXPECT_EQ(answer.status, 421) << path;
  }
  EXPECT_EQ(
      send_raw(port, "GET " + file + " HTTP/1.1\r\nHost: localhost:1\r\nConnection: close\r\n\r\n")
          .status,
      200);
}

class SecretTest : public ServerTest {};

TEST_F(SecretTest, SecurityRule10BeingCachedIsNotTold) {
  const std::string gated = "/org/gated/resolve/" + hub.sha("org/gated") + "/model.safetensors";
  const std::string hidden = "/org/private/resolve/" + hub.sha("org/private") + "/config.json";
  struct Seen {
    int status;
    std::string body;
    std::string code;
    std::string cache;
  };
  const auto look = [this](const std::string& path, const std::string& token) {
    const auto answer = get(path, token);
    return std::vector<std::string>{std::to_string(answer.status),  answer.body,
                                    answer.header("x-error-code"),  answer.header("x-repo-commit"),
                                    answer.header("etag"),          answer.header("age"),
                                    answer.header("content-length")};
  };
  std::vector<std::vector<std::string>> before;
  std::vector<std::vector<std::string>> after;
  const std::vector<std::string> others{"", "hf_other"};
  for (const auto& path : {gated, hidden}) {
    for (const auto& token : others) before.push_back(look(path, token));
  }
  ASSERT_EQ(get(gated, "hf_good").status, 200);
  ASSERT_EQ(get(hidden, "hf_good").status, 200);
  wait_stored(2);
  clock.advance(2min);
  for (const auto& path : {gated, hidden}) {
    for (const auto& token : others) after.push_back(look(path, token));
  }
  EXPECT_EQ(after, before);
}

// Rule 4 too: what the granted are shown of a gated repo is theirs.
TEST_F(SecretTest, SecurityRule10WhatTheGrantedAskedForIsNotToldOnAnyRoute) {
  std::vector<std::string> paths;
  for (const std::string repo : {"org/gated", "org/private"}) {
    const auto api = "/api/models/" + repo;
    for (const std::string route :
         {"", "/revision/main", "/tree/main?recursive=true", "/refs", "/commits/main",
          "/auth-check", "/tree/main/nowhere", "/tree/nowhere"}) {
      paths.push_back(api + route);
    }
    paths.push_back(api + "/revision/" + hub.sha(repo));
    paths.push_back("/" + repo + "/raw/main/config.json");
    paths.push_back("/" + repo + "/resolve/main/nowhere");
    paths.push_back("/" + repo + "/resolve/nowhere/config.json");
  }
  const auto look = [&] {
    std::vector<std::string> seen;
    for (const auto& path : paths) {
      for (const std::string token : {"", "hf_other"}) {
        for (const auto& answer : {get(path, token), head(path, token)}) {
          seen.push_back(path + token + std::to_string(answer.status) + answer.body +
                         answer.header("x-error-code") + answer.header("x-repo-commit") +
                         answer.header("etag") + answer.header("content-length"));
        }
      }
    }
    return seen;
  };
  const auto before = look();
  for (int i = 0; i < 2; ++i) {
    for (const auto& path : paths) get(path, "hf_good");
    clock.advance(2min);
  }
  EXPECT_EQ(look(), before);
}

TEST_F(SecretTest, SecurityRule10AHeadOfTheGrantedSaysNothingToOthersEither) {
  const std::string tree = "/api/models/org/gated/tree/main?recursive=true";
  const auto before = get(tree).body;
  ASSERT_NE(get(tree, "hf_good").body, before);
  clock.advance(2min);
  EXPECT_EQ(get(tree).body, before);
  EXPECT_EQ(get(tree, "hf_other").body, before);
}

}  // namespace
}  // namespace hubcache::test
