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
};

TEST_P(ErrorsTest, AreTheSameColdAndWarm) {
  expect_refused("cold");
  expect_refused("warm");
  clock.advance(2min);
  expect_refused("after their time");
}

// What nobody can ask about is 502 or 504, never another refusal.
TEST_P(ErrorsTest, AreTheSameOrHonestWithTheHubGone) {
  const auto& want = GetParam();
  expect_refused("cold");
  hub.stop();
  for (int minutes = 0; minutes < 4; minutes += 2) {
    for (const auto& answer : {head(want.path, want.token), get(want.path, want.token)}) {
      const bool honest = answer.status == 502 || answer.status == 504;
      EXPECT_TRUE(honest || answer.status == want.status) << answer.status;
      EXPECT_EQ(answer.header("x-error-code"), honest ? "" : want.code);
    }
    clock.advance(2min);
  }
  hub.start();
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
  for (const auto& path : {file, std::string("/pulp/api/v3/status/"), std::string("/")}) {
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
