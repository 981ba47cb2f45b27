// The Hub's refusals (contract/hub.md 3.4), each the same whether hubcache knows nothing yet,
// knows it, knows it from before and cannot ask, or is told not to ask; on HEAD as on GET.
#include <array>
#include <cctype>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

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
    {"a missing repo and a bad token", "/org/none/resolve/main/config.json", "hf_bad", 401, "",
     "Invalid credentials in Authorization header"},
    {"a gated repo", "/org/gated/resolve/main/config.json", "", 401, "GatedRepo", ""},
    {"a gated repo and a bad token", "/org/gated/resolve/main/config.json", "hf_bad", 401,
     "GatedRepo", ""},
    {"raw of a gated repo", "/org/gated/raw/main/README.md", "", 401, "GatedRepo", ""},
    {"auth-check of a gated repo", "/api/models/org/gated/auth-check", "hf_other", 403, "GatedRepo",
     ""},
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
    {"the refs of a private repo", "/api/models/org/private/refs", "", 401, "RepoNotFound",
     "Invalid username or password."},
    {"the tree of a missing revision", "/api/models/org/model/tree/nope", "", 404,
     "RevisionNotFound", "Invalid rev id: nope"},
};

/// As names of tests may be.
std::string as_identifier(std::string name) {
  for (char& c : name) c = std::isalnum(static_cast<unsigned char>(c)) != 0 ? c : '_';
  return name;
}

class ErrorsTest : public ServerTest, public testing::WithParamInterface<Refusal> {
 protected:
  void expect_refused(std::string_view when, bool get_first = false) {
    const auto& want = GetParam();
    std::array<Answer, 2> answers;  // to HEAD and GET
    if (get_first) answers[1] = get(want.path, want.token);
    answers[0] = head(want.path, want.token);
    if (!get_first) answers[1] = get(want.path, want.token);
    // The API tells it in JSON, the rest in so many words.
    const auto& [without_body, whole] = answers;
    const auto said = want.path.starts_with("/api/")
                          ? nlohmann::json::parse(whole.body).at("error").get<std::string>()
                          : whole.body;
    EXPECT_EQ(said, whole.header("x-error-message")) << when;
    EXPECT_EQ(without_body.body, "") << when;
    for (const auto& answer : answers) {
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

TEST_P(ErrorsTest, AreTheSameToAGetThatComesFirst) { expect_refused("cold", true); }

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
                         [](const auto& row) { return as_identifier(row.param.name); });

/// How long an answer holds without the Hub.
enum class Known { kByTheHubAlone, kForAMinute, kForLong };

/// What looks like a refusal and is none, or is not one of all that the repo has.
struct Special {
  std::string name;
  std::string path;
  std::string token;
  std::string range;
  int status;  // to GET
  Known known;
  std::size_t blobs = 0;  // that are stored once it was asked for
};

const std::vector<Special> kSpecials{
    {"a range beyond the end", std::string(kBig), "", "bytes=20971736-", 416, Known::kForLong},
    {"a public file and a bad token", std::string(kConfig), "hf_bad", "", 200, Known::kForLong, 1},
    {"a public info and a bad token", std::string(kInfo), "hf_bad", "", 200, Known::kForLong},
    {"the info of a disabled repo", "/api/models/org/disabled", "", "", 200, Known::kForAMinute},
    {"the commits of a gated repo", "/api/models/org/gated/commits/main", "", "", 401,
     Known::kByTheHubAlone},
    {"the commits of a gated repo, not on its list", "/api/models/org/gated/commits/main",
     "hf_other", "", 403, Known::kByTheHubAlone},
};

class SpecialsTest : public ServerTest, public testing::WithParamInterface<Special> {
 protected:
  Told by_head() { return told(head(GetParam().path, GetParam().token, range())); }
  Told by_get() { return told(get(GetParam().path, GetParam().token, range())); }
  void ask_cold() {
    to_head_ = by_head();
    to_get_ = by_get();
    EXPECT_EQ(to_get_.at("status"), std::to_string(GetParam().status));
    wait_stored(GetParam().blobs);
  }
  void expect_same(std::string_view when) {
    EXPECT_EQ(by_head(), to_head_) << when;
    EXPECT_EQ(by_get(), to_get_) << when;
  }
  void expect_same_while_known() {
    const auto known = GetParam().known;
    known == Known::kByTheHubAlone ? expect_honest() : expect_same("within its time");
    clock.advance(2min);
    known == Known::kForLong ? expect_same("after its time") : expect_honest();
  }

 private:
  Fields range() const {
    return GetParam().range.empty() ? Fields{} : Fields{{"Range", GetParam().range}};
  }
  void expect_honest() {
    for (const auto& answer : {by_head(), by_get()}) {
      EXPECT_TRUE(answer.at("status") == "502" || answer.at("status") == "504");
      EXPECT_FALSE(answer.contains("x-error-code"));
    }
  }
  Told to_head_;
  Told to_get_;
};

TEST_P(SpecialsTest, AreTheSameColdAndWarm) {
  ask_cold();
  expect_same("warm");
  clock.advance(2min);
  expect_same("after its time");
}

TEST_P(SpecialsTest, AreTheSameToAGetThatComesFirst) {
  const auto cold = by_get();
  ask_cold();
  EXPECT_EQ(by_get(), cold);
}

TEST_P(SpecialsTest, AreTheSameOrHonestWithTheHubGone) {
  ask_cold();
  hub.stop();
  expect_same_while_known();
  hub.start();
}

TEST_P(SpecialsTest, AreTheSameOrHonestOffline) {
  ask_cold();
  config.upstream.offline = true;
  restart();
  hub.clear_log();
  expect_same_while_known();
  EXPECT_EQ(hub_requests(), 0U);
}

INSTANTIATE_TEST_SUITE_P(Matrix, SpecialsTest, testing::ValuesIn(kSpecials),
                         [](const auto& row) { return as_identifier(row.param.name); });

class NoErrorsTest : public ServerTest {};

TEST_F(NoErrorsTest, TheRefsOfAGatedRepoAreToldAndItsCommitsAreNot) {
  for (int i = 0; i < 2; ++i) {
    for (const auto& [token, status] : {std::pair("", 401), std::pair("hf_other", 403)}) {
      EXPECT_EQ(get("/api/models/org/gated/refs", token).status, 200);
      const std::string path = "/api/models/org/gated/commits/main";
      for (const auto& answer : {get(path, token), head(path, token)}) {
        EXPECT_EQ(answer.status, status);
        EXPECT_EQ(answer.header("x-error-code"), "GatedRepo");
      }
    }
    clock.advance(2min);
  }
}

TEST_F(NoErrorsTest, TheInfoOfADisabledRepoSaysSo) {
  for (int i = 0; i < 2; ++i) {
    const auto info = get("/api/models/org/disabled");
    EXPECT_EQ(info.status, 200);
    EXPECT_EQ(nlohmann::json::parse(info.body).at("disabled"), true);
    EXPECT_EQ(get("/api/models/org/disabled/tree/main").status, 403);
    clock.advance(2min);
  }
}

TEST_F(NoErrorsTest, ARangeBeyondTheEndIsToldTheSizeColdAndWarm) {
  const auto size = std::to_string(hub.size("org/model", "model.safetensors"));
  for (int i = 0; i < 2; ++i) {
    const auto beyond = get(kBig, {}, {{"Range", "bytes=" + size + "-"}});
    EXPECT_EQ(beyond.status, 416);
    EXPECT_EQ(beyond.header("content-range"), "bytes */" + size);
    if (i == 0) EXPECT_EQ(hub.count(hubsim::Host::kCdn), 0U);
    ASSERT_EQ(get(kBig).status, 200);
  }
}

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
  const auto look = [&] {
    std::vector<std::map<std::string, std::string>> seen;
    for (const auto& path : {gated, hidden}) {
      for (const std::string token : {"", "hf_other"}) {
        hub.clear_log();
        seen.push_back(told(get(path, token)));
        seen.back()["asked upstream"] = std::to_string(hub.log().size());  // for it takes time
        seen.push_back(told(head(path, token)));
      }
    }
    return seen;
  };
  const auto before = look();
  ASSERT_EQ(get(gated, "hf_good").status, 200);
  ASSERT_EQ(get(hidden, "hf_good").status, 200);
  wait_stored(2);
  clock.advance(2min);
  EXPECT_EQ(look(), before);
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
    paths.push_back("/" + repo + "/resolve/" + hub.sha(repo).substr(0, 7) + "/config.json");
  }
  const auto look = [&] {
    std::vector<std::pair<std::string, std::map<std::string, std::string>>> seen;
    for (const auto& path : paths) {
      for (const std::string token : {"", "hf_other"}) {
        for (const auto& answer : {get(path, token), head(path, token)}) {
          seen.emplace_back(path + " " + token, told(answer));
        }
      }
    }
    return seen;
  };
  const auto before = look();
  for (int i = 0; i < 2; ++i) {
    for (const auto& path : paths) get(path, "hf_good");
    const auto by_short_id = "/org/gated/resolve/" + hub.sha("org/gated").substr(0, 7);
    ASSERT_EQ(get(by_short_id + "/config.json", "hf_good").status, 200);
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
