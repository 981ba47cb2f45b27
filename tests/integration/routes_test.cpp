// Every route of the Hub that clients read by (contract/hub.md 1), and what it costs upstream.
#include <nlohmann/json.hpp>

#include "integration/fixture.h"

namespace hubcache::test {
namespace {

using namespace std::chrono_literals;
using hubsim::Content;
using hubsim::Fault;
using hubsim::Host;
using hubsim::Storage;
using nlohmann::json;

class RoutesTest : public ServerTest {
 protected:
  Answer post(std::string_view path, std::string_view type, std::string_view body,
              std::string_view token = {}) {
    Fields fields{{"Content-Type", std::string(type)}};
    if (!token.empty()) fields.emplace_back("Authorization", "Bearer " + std::string(token));
    return fetch(port, "/pulp/content/hf" + std::string(path), fields, "POST", body);
  }
  /// A remote with the token hf_good and a distribution `t` that leads to it.
  void make_remote_with_token() {
    const auto made = rest("POST", kRemotes,
                           json{{"name", "t"}, {"url", hub.url()}, {"hf_token", "hf_good"}}.dump());
    ASSERT_EQ(made.status, 201) << made.body;
    const std::string href = json::parse(made.body).at("pulp_href");
    const json distribution{{"name", "t"}, {"base_path", "t"}, {"remote", href}};
    ASSERT_EQ(rest("POST", kDistributions, distribution.dump()).status, 202);
  }
};

TEST_F(RoutesTest, RefsAndCommitsAreDocuments) {
  const auto refs = get("/api/models/org/model/refs?include_prs=1");
  EXPECT_EQ(refs.status, 200);
  EXPECT_EQ(
      json::parse(refs.body).at("branches").at(0).at("targetCommit").get<std::string>().size(),
      40U);
  const auto commits = get("/api/models/org/model/commits/main?limit=1");
  EXPECT_EQ(commits.status, 200);
  EXPECT_NE(commits.header("x-total-count"), "");
  EXPECT_EQ(commits.header("link").find(hub.url()), std::string::npos);
  EXPECT_NE(commits.header("link"), "");
  hub.clear_log();
  EXPECT_EQ(get("/api/models/org/model/refs?include_prs=1").body, refs.body);
  EXPECT_EQ(get("/api/models/org/model/commits/main?limit=1").body, commits.body);
  EXPECT_EQ(hub_requests(), 0U);
}

TEST_F(RoutesTest, PathsInfoIsOneDocumentByFormAndByJson) {
  const std::string path = "/api/models/org/model/paths-info/" + hub.sha("org/model");
  const auto form = post(path, "application/x-www-form-urlencoded",
                         "paths=config.json&paths=no%20such&expand=False");
  EXPECT_EQ(form.status, 200) << form.body;
  EXPECT_EQ(json::parse(form.body).size(), 1U);
  hub.clear_log();
  const auto by_json =
      post(path, "application/json", R"({"paths":["config.json","no such"],"expand":false})");
  EXPECT_EQ(by_json.body, form.body);
  EXPECT_EQ(hub_requests(), 0U);
  for (const std::string_view bad : {"", "[]", "{\"paths\":7}", "{\"paths\":[]}", "{"}) {
    EXPECT_EQ(post(path, "application/json", bad).status, 400) << bad;
  }
  EXPECT_EQ(get(path).status, 405);
}

TEST_F(RoutesTest, AuthCheckTellsWhatTheHubWould) {
  EXPECT_EQ(get("/api/models/org/model/auth-check").status, 200);
  EXPECT_EQ(get("/api/models/org/gated/auth-check").status, 401);
  EXPECT_EQ(get("/api/models/org/gated/auth-check").header("x-error-code"), "GatedRepo");
  EXPECT_EQ(get("/api/models/org/gated/auth-check", "hf_good").status, 200);
  EXPECT_EQ(get("/api/models/org/gated/auth-check", "hf_other").status, 403);
  EXPECT_EQ(get("/api/models/org/private/auth-check", "hf_other").status, 404);
}

TEST_F(RoutesTest, WhoamiIsAskedForEachCallerAndNeverKept) {
  const auto good = get("/api/whoami-v2", "hf_good");
  const auto other = get("/api/whoami-v2", "hf_other");
  EXPECT_EQ(good.status, 200);
  EXPECT_NE(good.body, other.body);
  EXPECT_EQ(get("/api/whoami-v2").status, 401);
  hub.revoke_token("hf_good");
  EXPECT_EQ(get("/api/whoami-v2", "hf_good").status, 401);
}

TEST_F(RoutesTest, WhoamiOfARemoteWithATokenDoesNotTellItsOwner) {
  make_remote_with_token();
  hub.clear_log();
  EXPECT_EQ(fetch(port, "/pulp/content/t/api/whoami-v2").status, 401);
  EXPECT_EQ(
      fetch(port, "/pulp/content/t/api/whoami-v2", {{"Authorization", "Bearer hf_other"}}).status,
      401);
  EXPECT_EQ(hub_requests(), 0U);
}

TEST_F(RoutesTest, WhoamiOfARemoteWithATokenTellsWhichAccountAsks) {
  make_remote_with_token();
  hub.clear_log();
  const auto whoami = [this](std::string_view encoded) {
    return fetch(port, "/pulp/content/t/api/whoami-v2",
                 {{"Authorization", "Basic " + std::string(encoded)}});
  };
  const auto admin = whoami("YWRtaW46cGFzc3dvcmQ=");  // admin:password
  EXPECT_EQ(admin.status, 200);
  const auto told = json::parse(admin.body);
  EXPECT_EQ(told.at("name"), "admin");
  EXPECT_EQ(told.at("type"), "user");
  EXPECT_EQ(admin.header("cache-control"), "no-store");
  EXPECT_EQ(whoami("YWRtaW46d3Jvbmc=").status, 401);  // admin:wrong
  EXPECT_EQ(hub_requests(), 0U);
}

TEST_F(RoutesTest, ListsArePassedThroughWithTheirLinks) {
  auto behaviour = hub.behaviour();
  behaviour.list_page = 2;
  hub.set_behaviour(behaviour);
  for (const auto type : {hubsim::RepoType::kDataset, hubsim::RepoType::kSpace}) {
    for (const std::string id : {"org/second", "org/third"}) hub.add_repo({.type = type, .id = id});
  }
  struct List {
    std::string path;
    std::string next;  // the first one of its second page
  };
  for (const auto& [list, next] :
       {List{"/api/models?limit=2", "org/gated"}, List{"/api/datasets?limit=2", "org/third"},
        List{"/api/spaces?limit=2", "org/third"},
        List{"/api/models?search=org&limit=2", "org/model"}}) {
    SCOPED_TRACE(list);
    const auto first = get(list);
    EXPECT_EQ(first.status, 200);
    EXPECT_EQ(json::parse(first.body).size(), 2U);
    const auto link = first.header("link");
    const std::string own = "<http://127.0.0.1/pulp/content/hf";
    ASSERT_TRUE(link.starts_with(own + list.substr(0, list.find('?') + 1))) << link;
    const auto second = get(link.substr(own.size(), link.find('>') - own.size()));
    EXPECT_EQ(second.status, 200) << link;
    EXPECT_EQ(json::parse(second.body).at(0).at("id"), next);
    hub.clear_log();
    get(list);
    EXPECT_EQ(hub_requests(), 1U);  // never kept
  }
}

TEST_F(RoutesTest, WhateverElseTheApiHasIsPassedThroughWithItsAnswer) {
  config.xet = false;  // else what the Hub says of Xet would stay
  restart();
  hub.set_fault({.kind = Fault::Kind::kStatus,
                 .match = "/api/organizations/org/overview?x=1",
                 .status = 200,
                 .headers = {{"Content-Type", "application/json"}},
                 .body = R"({"name":"org","xetEnabled":true})"});
  const auto overview = get("/api/organizations/org/overview?x=1");
  EXPECT_EQ(overview.status, 200);
  EXPECT_EQ(overview.body, R"({"name":"org"})");
  hub.set_fault({.kind = Fault::Kind::kStatus,
                 .match = "/api/daily_papers",
                 .status = 400,
                 .headers = {{"Content-Type", "application/json"}},
                 .body = R"({"error":"bad date"})"});
  const auto papers = get("/api/daily_papers");
  EXPECT_EQ(papers.status, 400);
  EXPECT_EQ(papers.body, R"({"error":"bad date"})");
}

TEST_F(RoutesTest, AgentHarnessesIsAnObjectWhateverTheHubSays) {
  EXPECT_TRUE(json::parse(get("/api/agent-harnesses").body).is_object());
  clock.advance(2min);
  hub.set_fault({.kind = Fault::Kind::kStatus,
                 .match = "agent-harnesses",
                 .status = 200,
                 .headers = {{"Content-Type", "application/json"}},
                 .body = "[]"});
  EXPECT_EQ(get("/api/agent-harnesses").body, "{}");
  hub.stop();
  EXPECT_EQ(get("/api/agent-harnesses?fresh=1").body, "{}");
  hub.start();
}

TEST_F(RoutesTest, TelemetryGoesNowhere) {
  hub.clear_log();
  EXPECT_EQ(head("/api/telemetry/hf_hub/cli").status, 200);
  EXPECT_EQ(hub_requests(), 0U);
}

TEST_F(RoutesTest, RawGivesGitsBytesAndThePointerOfALfsFile) {
  const auto config = get("/org/model/raw/main/config.json");
  EXPECT_EQ(config.status, 200);
  EXPECT_EQ(config.body, hub.bytes("org/model", "config.json"));
  const auto pointer = get("/org/model/raw/main/model.safetensors");
  EXPECT_EQ(pointer.status, 200);
  EXPECT_EQ(pointer.body, "version https://git-lfs.github.com/spec/v1\noid sha256:" +
                              hub.etag("org/model", "model.safetensors") + "\nsize " +
                              std::to_string(hub.size("org/model", "model.safetensors")) + "\n");
  const auto headed = head("/org/model/raw/main/model.safetensors");
  EXPECT_EQ(headed.header("content-length"), std::to_string(pointer.body.size()));
  EXPECT_EQ(headed.header("etag"), pointer.header("etag"));
  EXPECT_EQ(head("/org/model/raw/main/none").status, 404);
  // A pointer is shorter than what stands before a part: its ranges become one.
  const auto parts = get("/org/model/raw/main/model.safetensors", {}, {{"Range", "bytes=0-6, -9"}});
  EXPECT_EQ(parts.status, 206);
  EXPECT_EQ(parts.header("content-range"), "bytes 0-" + std::to_string(pointer.body.size() - 1) +
                                               "/" + std::to_string(pointer.body.size()));
  EXPECT_EQ(parts.body, pointer.body);
  EXPECT_EQ(hub.count(Host::kCdn), 0U);
}

TEST_F(RoutesTest, SecurityRule4RawOfAGatedReadmeIsRefusedAsTheHubDoes) {
  EXPECT_EQ(get("/org/gated/resolve/main/README.md").status, 200);
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(get("/org/gated/raw/main/README.md").status, 401);
    EXPECT_EQ(get("/org/gated/raw/main/README.md").header("x-error-code"), "GatedRepo");
    EXPECT_EQ(get("/org/gated/raw/main/README.md", "hf_good").status, 200);
  }
}

TEST_F(RoutesTest, AFileOfABucketIsPassedThrough) {
  hub.set_fault({.kind = Fault::Kind::kStatus,
                 .match = "/buckets/org/stuff/resolve/a%20b.txt",
                 .status = 200,
                 .headers = {{"ETag", "\"b1\""}},
                 .body = "bucket bytes"});
  const auto file = get("/buckets/org/stuff/resolve/a%20b.txt");
  EXPECT_EQ(file.status, 200);
  EXPECT_EQ(file.body, "bucket bytes");
  EXPECT_EQ(file.header("etag"), "\"b1\"");
  EXPECT_EQ(stored_blobs(), 0U);
}

TEST_F(RoutesTest, FilesOfBucketsComeWithoutXet) {
  hub.set_fault({.kind = Fault::Kind::kStatus,
                 .match = "/api/buckets/",
                 .status = 200,
                 .headers = {{"Content-Type", "application/json"}},
                 .body = R"({"casUrl":"https://elsewhere"})"});
  hub.clear_log();
  EXPECT_EQ(get("/api/buckets/org/stuff/xet-read-token").status, 404);
  EXPECT_EQ(get("/api/buckets/org/stuff/xet-read-token/main").status, 404);
  EXPECT_EQ(hub_requests(), 0U);
  EXPECT_EQ(get("/api/buckets/org/stuff").status, 200);
}

TEST_F(RoutesTest, EverySpellingOfARevisionIsTheSameFile) {
  const std::string sha = hub.sha("org/model");
  const auto want = hub.bytes("org/model", "config.json");
  for (const std::string& revision :
       {std::string("main"), std::string("HEAD"), sha.substr(0, 7), sha,
        std::string("refs%2Fconvert%2Fparquet"), std::string("refs/convert/parquet")}) {
    const auto answer = get("/org/model/resolve/" + revision + "/config.json");
    EXPECT_EQ(answer.status, 200) << revision;
    EXPECT_EQ(answer.body, want) << revision;
    EXPECT_EQ(answer.header("x-repo-commit"), sha) << revision;
  }
  const auto encoded = get("/org/model/resolve/refs%2Fpr%2F1/config.json");
  EXPECT_EQ(encoded.body, get("/org/model/resolve/refs/pr/1/config.json").body);
  EXPECT_NE(encoded.body, want);
}

TEST_F(RoutesTest, EveryTypeOfRepoIsServed) {
  EXPECT_EQ(get("/datasets/org/dataset/resolve/main/data/train.csv").status, 200);
  EXPECT_EQ(get("/spaces/org/space/resolve/main/app.py").status, 200);
  EXPECT_EQ(get("/kernels/org/kernel/resolve/main/README.md").status, 200);
  EXPECT_EQ(get("/api/kernels/org/kernel/tree/main").status, 200);
  EXPECT_EQ(fetch(port, "/gpt2/resolve/main/config.json").status, 200);  // root distribution
  EXPECT_EQ(fetch(port, "/api/models/gpt2").status, 200);
}

TEST_F(RoutesTest, WritesAreRefusedBeforeUpstreamWithAReason) {
  hub.clear_log();
  for (const std::string_view method : {"POST", "PUT", "PATCH", "DELETE"}) {
    for (const std::string_view path :
         {"/api/models/org/model/commit/main", "/api/repos/create", "/org/model/resolve/main/f"}) {
      const auto answer = fetch(port, "/pulp/content/hf" + std::string(path), {}, method, "{}");
      EXPECT_EQ(answer.status, 405) << method << path;
      EXPECT_TRUE(json::parse(answer.body).contains("error")) << answer.body;
    }
  }
  EXPECT_EQ(hub_requests(), 0U);
}

TEST_F(RoutesTest, SecurityRule3WhatReadersHaveNoBusinessWithIs403) {
  make_remote_with_token();
  hub.clear_log();
  for (const std::string repo : {"models/org/model", "models/gpt2", "datasets/org/dataset",
                                 "spaces/org/space", "buckets/org/stuff"}) {
    for (const std::string word :
         {"jwt", "xet-write-token/main", "user-access-request/pending", "settings", "variables"}) {
      const std::string path = "/api/" + repo + "/" + word;
      EXPECT_EQ(get(path, "hf_good").status, 403) << path;
      EXPECT_EQ(fetch(port, "/pulp/content/t" + path).status, 403) << path;
      for (const std::string_view method : {"POST", "PUT", "DELETE"}) {
        EXPECT_EQ(fetch(port, "/pulp/content/t" + path, {}, method, "{}").status, 403) << path;
      }
    }
  }
  EXPECT_EQ(hub_requests(), 0U);
}

TEST_F(RoutesTest, SecurityRule3TheRemotesTokenIsOnlyForReposThatAreRead) {
  make_remote_with_token();
  hub.clear_log();
  EXPECT_EQ(fetch(port, "/pulp/content/t/api/models/org/private").status, 200);
  EXPECT_GT(hub_requests(), 0U);
  hub.clear_log();
  for (const std::string_view path : {"/api/models", "/api/models/org/private/discussions",
                                      "/api/organizations/org/overview", "/api/agent-harnesses"}) {
    fetch(port, "/pulp/content/t" + std::string(path), {{"Authorization", "Bearer hf_other"}});
  }
  for (const auto& request : hub.log()) EXPECT_EQ(request.header("authorization"), "");
  EXPECT_GE(hub_requests(), 4U);
}

TEST_F(RoutesTest, WhatOneRouteLearnsOfABranchServesTheOthersWithoutTheHub) {
  const std::string commit = hub.sha("org/model");
  ASSERT_EQ(get("/org/model/resolve/" + commit + "/config.json").status, 200);
  ASSERT_EQ(get("/api/models/org/model/refs").status, 200);
  hub.stop();
  EXPECT_EQ(get("/org/model/resolve/main/config.json").status, 200);
  EXPECT_EQ(get("/org/model/resolve/refs%2Fconvert%2Fparquet/config.json").status, 200);
  hub.start();
}

}  // namespace
}  // namespace hubcache::test
