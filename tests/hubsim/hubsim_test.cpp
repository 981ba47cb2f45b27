#include <algorithm>
#include <chrono>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "hubsim/git.h"
#include "hubsim/hub.h"
#include "hubsim/raw_client.h"

namespace hubsim {
namespace {

using nlohmann::json;
using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;

constexpr std::uint64_t kMiB = 1024 * 1024;
const Headers kGood = {{"Authorization", "Bearer hf_good"}};
const Headers kOther = {{"Authorization", "Bearer hf_other"}};
const Headers kBad = {{"Authorization", "Bearer hf_nonsense"}};

class HubTest : public testing::Test {
 protected:
  HubTest() { hub.seed(); }

  RawReply get(std::string_view path, const Headers& headers = {}) {
    return raw_request("GET", hub.url() + std::string(path), headers);
  }
  RawReply head(std::string_view path, const Headers& headers = {}) {
    return raw_request("HEAD", hub.url() + std::string(path), headers);
  }
  /// GET that follows one redirect, as a client does.
  RawReply fetch(std::string_view path, const Headers& headers = {}) {
    auto first = get(path, headers);
    if (first.status / 100 != 3 || first.status == 304) return first;
    const std::string to(first.header("location"));
    Headers kept;
    for (const auto& header : headers) {
      if (to.starts_with('/') || header.first != "Authorization") kept.push_back(header);
    }
    return raw_request("GET", to.starts_with('/') ? hub.url() + to : to, kept);
  }
  /// The same refusal to HEAD and GET; returns the GET's.
  RawReply refused(std::string_view path, const Headers& headers = {}) {
    const auto to_head = head(path, headers);
    auto to_get = get(path, headers);
    EXPECT_EQ(to_head.status, to_get.status);
    EXPECT_EQ(to_head.body, "");
    for (const auto* name : {"X-Error-Code", "X-Error-Message", "X-Repo-Commit", "Content-Length",
                             "WWW-Authenticate", "ETag"}) {
      EXPECT_EQ(to_head.header(name), to_get.header(name)) << name;
    }
    return to_get;
  }

  Hub hub;
  const std::string large = "/org/model/resolve/main/model.safetensors";
  const std::string small = "/org/model/resolve/main/config.json";
};

TEST(GitTest, ObjectIdsAreThoseOfGit) {
  EXPECT_EQ(git_object_id("blob", ""), "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391");
  const auto trees = git_trees({{"a-b", "b68025345d5301abad4d9ec9166f455243a0d746"},
                                {"a.txt", "975fbec8256d3e8a3797e7a3611380f27c49f4ac"},
                                {"a/b.txt", "587be6b4c3f93f93c489c0111bba5596147a26cb"}});
  EXPECT_EQ(trees.at(""), "bd11e26ba7864cb337249c149feca0000a91be34");
  EXPECT_EQ(trees.at("a"), "add4794d9c94872b96c1697c056fb82ae0d72880");
}

TEST(ContentTest, GeneratedBytesDependOnSeedAndPositionAlone) {
  const auto whole = generated_bytes(7, 0, 1000);
  EXPECT_EQ(generated_bytes(7, 13, 500), whole.substr(13, 500));
  EXPECT_EQ(generated_bytes(7, 16, 3), whole.substr(16, 3));
  EXPECT_NE(generated_bytes(8, 0, 1000), whole);
}

TEST(SeedTest, CommitIdsAreTheSameInEveryHub) {
  Hub one;
  Hub two;
  one.seed();
  two.seed();
  EXPECT_EQ(one.sha("org/model"), two.sha("org/model"));
  EXPECT_EQ(one.sha("org/model").size(), 40U);
  EXPECT_NE(one.sha("org/model"), one.sha("org/model", "v1.0"));
}

TEST_F(HubTest, AGitFileIsA307ToTheResolveCache) {
  const auto commit = hub.sha("org/model");
  const auto etag = hub.etag("org/model", "config.json");
  for (const auto* method : {"HEAD", "GET"}) {
    const auto reply = raw_request(method, hub.url() + small);
    EXPECT_EQ(reply.status, 307);
    EXPECT_EQ(reply.header("location"),
              "/api/resolve-cache/models/org/model/" + commit +
                  "/config.json?%2Forg%2Fmodel%2Fresolve%2Fmain%2Fconfig.json=&etag=%22" + etag +
                  "%22");
    EXPECT_EQ(reply.header("x-repo-commit"), commit);
    EXPECT_EQ(reply.header("x-linked-etag"), "\"" + etag + "\"");
    EXPECT_EQ(reply.header("x-linked-size"), "");
  }
}

TEST_F(HubTest, TheResolveCacheAnswersConditionsAndRanges) {
  const std::string cache(get(small).header("location"));
  const auto want = hub.bytes("org/model", "config.json");
  const auto whole = get(cache);
  EXPECT_EQ(whole.status, 200);
  EXPECT_EQ(whole.body, want);
  const std::string etag(whole.header("etag"));
  EXPECT_EQ(etag, "\"" + hub.etag("org/model", "config.json") + "\"");
  EXPECT_EQ(whole.header("content-type"), "text/plain; charset=utf-8");
  EXPECT_EQ(head(cache).header("content-length"), std::to_string(want.size()));
  EXPECT_EQ(get(cache, {{"If-None-Match", etag}}).status, 304);
  const auto part = get(cache, {{"Range", "bytes=2-5"}});
  EXPECT_EQ(part.status, 206);
  EXPECT_EQ(part.body, want.substr(2, 4));
  EXPECT_EQ(get(cache, {{"Range", "bytes=9999-"}}).status, 416);
}

TEST_F(HubTest, GzipIsChunkedAndIgnoresRange) {
  const std::string cache(get(small).header("location"));
  const auto reply = get(cache, {{"Accept-Encoding", "gzip, deflate"}, {"Range", "bytes=0-3"}});
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(reply.header("content-encoding"), "gzip");
  EXPECT_EQ(reply.header("content-length"), "");
  EXPECT_TRUE(reply.complete);
  EXPECT_EQ(reply.body, gzip(hub.bytes("org/model", "config.json")));
}

TEST_F(HubTest, DirectModeAnswersGitFilesAtOnce) {
  auto behaviour = hub.behaviour();
  behaviour.direct_files = true;
  hub.set_behaviour(behaviour);
  const auto reply = get(small);
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(reply.body, hub.bytes("org/model", "config.json"));
  EXPECT_EQ(reply.header("x-repo-commit"), hub.sha("org/model"));
}

TEST_F(HubTest, AnLfsFileIsA302ToASignedUrl) {
  const auto commit = hub.sha("org/model");
  const auto xet = hub.xet_hash("org/model", "model.safetensors");
  const auto size = hub.size("org/model", "model.safetensors");
  const auto reply = head(large);
  EXPECT_EQ(reply.status, 302);
  EXPECT_EQ(reply.header("x-linked-size"), std::to_string(size));
  EXPECT_EQ(reply.header("x-linked-etag"),
            "\"" + hub.etag("org/model", "model.safetensors") + "\"");
  EXPECT_EQ(reply.header("x-xet-hash"), xet);
  EXPECT_EQ(reply.header("link"), "<" + hub.url() + "/api/models/org/model/xet-read-token/" +
                                      commit + ">; rel=\"xet-auth\", <" + hub.url() +
                                      "/_cas/v1/reconstructions/" + xet +
                                      ">; rel=\"xet-reconstruction-info\"");
  const std::string url(reply.header("location"));
  EXPECT_THAT(url, StartsWith(hub.cdn_url() + "/xet-bridge-us/"));
  const auto part = raw_request("GET", url, {{"Range", "bytes=100-199"}});
  EXPECT_EQ(part.status, 206);
  EXPECT_EQ(part.header("etag"), "\"" + xet + "\"");
  EXPECT_EQ(part.header("content-range"), "bytes 100-199/" + std::to_string(size));
  EXPECT_EQ(part.body, generated_bytes(1, 100, 100));
  const auto past = raw_request("GET", url, {{"Range", "bytes=" + std::to_string(size) + "-"}});
  EXPECT_EQ(past.status, 416);
  EXPECT_EQ(past.header("content-range"), "bytes */" + std::to_string(size));
  EXPECT_EQ(raw_request("GET", url).body, hub.bytes("org/model", "model.safetensors"));
}

TEST_F(HubTest, TheCdnRefusesBadSignaturesExpiryAndTokens) {
  const std::string url(head(large).header("location"));
  auto forged = url;
  forged.replace(forged.find("Expires=") + 8, 1, "9");
  EXPECT_EQ(raw_request("GET", forged).status, 403);
  EXPECT_EQ(hub.cdn_authorizations(), 0U);
  EXPECT_EQ(raw_request("GET", url, kGood).status, 403);
  EXPECT_EQ(hub.cdn_authorizations(), 1U);
  hub.set_fault({.kind = Fault::Kind::kExpire, .host = Host::kCdn, .count = 1});
  EXPECT_EQ(raw_request("GET", url).status, 403);
  EXPECT_EQ(raw_request("HEAD", url).status, 200);
  hub.set_fault({.kind = Fault::Kind::kExpire});
  EXPECT_EQ(raw_request("GET", head(large).header("location")).status, 403);
}

TEST_F(HubTest, RevisionsComeInEverySpelling) {
  const auto commit = hub.sha("org/model", "refs/pr/1");
  for (const auto& revision :
       {std::string("refs%2Fpr%2F1"), std::string("refs/pr/1"), commit, commit.substr(0, 7)}) {
    const auto reply = get("/org/model/resolve/" + revision + "/config.json");
    EXPECT_EQ(reply.status, 307) << revision;
    EXPECT_EQ(reply.header("x-repo-commit"), commit);
  }
  EXPECT_EQ(get("/org/model/resolve/HEAD/config.json").header("x-repo-commit"),
            hub.sha("org/model"));
  EXPECT_EQ(get("/org/model/resolve/v1.0/config.json").header("x-repo-commit"),
            hub.sha("org/model", "refs/tags/v1.0"));
}

TEST_F(HubTest, AllTypesAndOneSegmentReposAreServed) {
  EXPECT_EQ(fetch("/datasets/org/dataset/resolve/main/data/train.csv").body,
            hub.bytes("datasets/org/dataset", "data/train.csv"));
  EXPECT_EQ(fetch("/spaces/org/space/resolve/main/app.py").body, "print('hello')\n");
  EXPECT_EQ(fetch("/kernels/org/kernel/resolve/main/README.md").body, "# A kernel\n");
  EXPECT_EQ(fetch("/gpt2/resolve/main/README.md").body, "# gpt2\n");
  EXPECT_EQ(fetch("/org/model/resolve/main/nested/a%20folder/caf%C3%A9%20au%20lait.txt").body,
            "caf\xC3\xA9\n");
  const auto empty = fetch("/org/model/resolve/main/empty.txt");
  EXPECT_EQ(empty.status, 200);
  EXPECT_EQ(empty.header("content-length"), "0");
  EXPECT_THAT(get("/org/model/raw/main/model.safetensors").body,
              StartsWith("version https://git-lfs.github.com/spec/v1\noid sha256:"));
}

TEST_F(HubTest, OldAndMiscasedNamesRedirectWithTheirQuery) {
  EXPECT_EQ(get("/api/models/org/old-name/tree/main?recursive=true").header("location"),
            "/api/models/org/new-name/tree/main?recursive=true");
  EXPECT_EQ(get("/Org/MODEL/resolve/main/config.json?download=true").header("location"),
            "/org/model/resolve/main/config.json?download=true");
  const auto reply = head("/org/old-name/resolve/main/config.json");
  EXPECT_EQ(reply.status, 307);
  EXPECT_EQ(reply.header("x-repo-commit"), "");
}

TEST_F(HubTest, MissingAndPrivateReposLookAlike) {
  for (const auto* path : {"/org/none", "/org/private"}) {
    const auto file = std::string(path) + "/resolve/main/config.json";
    const auto api = "/api/models" + std::string(path);
    const auto anonymous = refused(file);
    EXPECT_EQ(anonymous.status, 401);
    EXPECT_EQ(anonymous.header("x-error-message"), "Invalid username or password.");
    EXPECT_EQ(anonymous.header("x-error-code"), "");
    EXPECT_EQ(anonymous.header("www-authenticate"),
              R"(Bearer realm="Authentication required", charset="UTF-8")");
    EXPECT_EQ(anonymous.body, "Invalid username or password.");
    EXPECT_EQ(refused(api).body, R"({"error":"Invalid username or password."})");
    for (const auto& route : {file, api, api + "/tree/main", api + "/refs", api + "/auth-check"}) {
      EXPECT_EQ(refused(route).status, 401) << route;
      const auto other = refused(route, kOther);
      EXPECT_EQ(other.status, 404) << route;
      EXPECT_EQ(other.header("x-error-code"), "RepoNotFound");
      EXPECT_EQ(other.body, R"({"error":"Repository not found"})");
      const auto bad = refused(route, kBad);
      EXPECT_EQ(bad.status, 401);
      EXPECT_EQ(bad.header("x-error-message"), "Invalid credentials in Authorization header");
      EXPECT_EQ(bad.header("x-error-code"), "");
    }
  }
  EXPECT_EQ(get("/org/private/resolve/main/config.json", kGood).status, 307);
  EXPECT_EQ(get(small, kBad).status, 307);
}

TEST_F(HubTest, MissingFilesAndRevisionsAreNamedInHeaders) {
  const auto entry = refused("/org/model/resolve/main/nope.json");
  EXPECT_EQ(entry.status, 404);
  EXPECT_EQ(entry.header("x-error-code"), "EntryNotFound");
  EXPECT_EQ(entry.header("x-error-message"), "Entry not found");
  EXPECT_EQ(entry.header("x-repo-commit"), hub.sha("org/model"));
  EXPECT_EQ(entry.header("etag"), R"(W/"f-mY2VvLxuxB7KhsoOdQTlMTccuAQ")");
  EXPECT_EQ(entry.header("content-length"), "15");
  for (const auto* path :
       {"/org/model/resolve/badrev/config.json", "/api/models/org/model/revision/badrev",
        "/api/models/org/model/tree/badrev"}) {
    const auto revision = refused(path);
    EXPECT_EQ(revision.status, 404);
    EXPECT_EQ(revision.header("x-error-code"), "RevisionNotFound");
    EXPECT_EQ(revision.body, R"({"error":"Invalid rev id: badrev"})");
  }
  EXPECT_EQ(refused("/api/models/org/model/tree/main/config.json").status, 404);
}

TEST_F(HubTest, TheGateComesBeforeFileAndRevision) {
  for (const auto* path : {"config.json", "model.safetensors", "nope", "sub/README.md"}) {
    for (const auto* revision : {"main", "badrev"}) {
      const auto url = std::string("/org/gated/resolve/") + revision + "/" + path;
      const auto anonymous = refused(url);
      EXPECT_EQ(anonymous.status, 401);
      EXPECT_EQ(anonymous.header("x-error-code"), "GatedRepo");
      EXPECT_EQ(anonymous.body,
                "Access to model org/gated is restricted. You must have access to it and be "
                "authenticated to access it. Please log in.");
      EXPECT_EQ(refused(url, kOther).status, 403);
      EXPECT_EQ(refused(url, kOther).header("x-error-code"), "GatedRepo");
      EXPECT_EQ(refused(url, kBad).status, 401);
      EXPECT_EQ(refused(url, kBad).header("x-error-code"), "GatedRepo");
    }
  }
  EXPECT_THAT(refused("/org/gated/resolve/main/x", {{"Authorization", "Bearer hf_pending"}}).body,
              EndsWith("is awaiting a review from the repo authors."));
  EXPECT_EQ(fetch("/org/gated/resolve/main/README.md").body, "# Gated\n");
  EXPECT_EQ(fetch("/org/gated/resolve/main/LICENSE").status, 200);
  EXPECT_EQ(get("/org/gated/resolve/main/LICENSE.md").header("x-error-code"), "EntryNotFound");
  EXPECT_EQ(refused("/org/gated/raw/main/README.md").status, 401);
  EXPECT_EQ(fetch("/org/gated/resolve/main/config.json", kGood).status, 200);
  const auto cache =
      std::string(get("/org/gated/resolve/main/config.json", kGood).header("location"));
  EXPECT_EQ(refused(cache).status, 401);
}

TEST_F(HubTest, AGatedTreeIsPublicButMasked) {
  const auto find = [](const json& tree) {
    for (const auto& entry : tree) {
      if (entry["path"] == "model.safetensors") return entry;
    }
    return json();
  };
  const std::string mask(64, '*');
  const auto masked = find(json::parse(get("/api/models/org/gated/tree/main").body));
  EXPECT_EQ(masked["lfs"]["oid"], mask);
  EXPECT_EQ(masked["xetHash"], mask);
  const auto clear = find(json::parse(get("/api/models/org/gated/tree/main", kGood).body));
  EXPECT_EQ(clear["lfs"]["oid"], hub.etag("org/gated", "model.safetensors"));
  EXPECT_EQ(json::parse(get("/api/models/org/gated").body)["gated"], "manual");
}

TEST_F(HubTest, ADisabledRepoStillHasItsDocument) {
  EXPECT_EQ(refused("/org/disabled/resolve/main/config.json").status, 403);
  EXPECT_EQ(json::parse(get("/api/models/org/disabled").body)["disabled"], true);
}

TEST_F(HubTest, InfoNamesCommitAndFiles) {
  const auto reply = get("/api/models/org/model?blobs=true");
  EXPECT_THAT(std::string(reply.header("etag")), StartsWith("W/\""));
  const auto info = json::parse(reply.body);
  EXPECT_EQ(info["id"], "org/model");
  EXPECT_EQ(info["sha"], hub.sha("org/model"));
  EXPECT_EQ(info["private"], false);
  EXPECT_EQ(info["gated"], false);
  for (const auto& sibling : info["siblings"]) {
    if (sibling["rfilename"] != "model.safetensors") continue;
    EXPECT_EQ(sibling["lfs"]["sha256"], hub.etag("org/model", "model.safetensors"));
    EXPECT_NE(sibling["blobId"], sibling["lfs"]["sha256"]);
  }
  const auto tagged = json::parse(get("/api/models/org/model/revision/v1.0").body);
  EXPECT_EQ(tagged["sha"], hub.sha("org/model", "v1.0"));
  EXPECT_EQ(tagged["siblings"].size(), 3U);
  EXPECT_EQ(json::parse(get("/api/models/org/model?expand[]=sha&expand=private").body).size(), 4U);
  EXPECT_EQ(get("/api/models/org/model?expand=nonsense").status, 400);
  EXPECT_EQ(get("/api/models/org/model", {{"Accept-Encoding", "gzip"}}).header("content-encoding"),
            "gzip");
}

TEST_F(HubTest, TreesComeInPagesWithAbsoluteLinks) {
  std::vector<Change> changes;
  for (int i = 0; i < 25; ++i) {
    changes.push_back({"d/" + std::to_string(i) + ".txt", Content("x"), Storage::kGit, {}});
  }
  hub.add_repo({.id = "org/many"});
  hub.commit("org/many", "main", std::move(changes));
  auto behaviour = hub.behaviour();
  behaviour.tree_page = 10;
  hub.set_behaviour(behaviour);
  std::vector<std::string> paths;
  std::string url = hub.url() + "/api/models/org/many/tree/main?recursive=true&expand=false";
  int pages = 0;
  while (!url.empty()) {
    ++pages;
    const auto reply = raw_request("GET", url);
    ASSERT_EQ(reply.status, 200);
    for (const auto& entry : json::parse(reply.body)) paths.push_back(entry["path"]);
    const std::string link(reply.header("link"));
    url.clear();
    if (link.empty()) break;
    EXPECT_THAT(
        link,
        StartsWith("<" + hub.url() +
                   "/api/models/org/many/tree/main?recursive=true&expand=false&limit=10&cursor="));
    EXPECT_THAT(link, EndsWith(">; rel=\"next\""));
    url = link.substr(1, link.find('>') - 1);
  }
  EXPECT_EQ(pages, 3);
  EXPECT_EQ(paths.size(), 26U);
  EXPECT_EQ(paths.front(), "d");
  EXPECT_TRUE(std::is_sorted(paths.begin(), paths.end(), PathLess{}));
  EXPECT_EQ(json::parse(get("/api/models/org/many/tree/main").body).size(), 1U);
  EXPECT_EQ(json::parse(get("/api/models/org/many/tree/main/d").body).size(), 10U);
}

TEST_F(HubTest, PathsInfoTakesFormsAndJson) {
  const auto url = hub.url() + "/api/models/org/model/paths-info/main";
  const auto form =
      raw_request("POST", url, {{"Content-Type", "application/x-www-form-urlencoded"}},
                  "paths=config.json&paths=missing&paths=nested&expand=False");
  const auto list = json::parse(form.body);
  ASSERT_EQ(list.size(), 2U);
  EXPECT_EQ(list[0]["oid"], hub.etag("org/model", "config.json"));
  EXPECT_EQ(list[1]["type"], "directory");
  const auto reply = raw_request("POST", url, {{"Content-Type", "application/json"}},
                                 R"({"paths":["model.safetensors"],"expand":true})");
  const auto expanded = json::parse(reply.body);
  EXPECT_EQ(expanded[0]["lastCommit"]["id"], hub.sha("org/model"));
  EXPECT_EQ(expanded[0]["xetHash"], hub.xet_hash("org/model", "model.safetensors"));
}

TEST_F(HubTest, RefsAndCommitsAreListed) {
  const auto refs = json::parse(get("/api/models/org/model/refs?include_prs=1").body);
  EXPECT_EQ(refs["branches"].size(), 2U);
  EXPECT_EQ(refs["tags"][0]["name"], "v1.0");
  EXPECT_EQ(refs["pullRequests"][0]["ref"], "refs/pr/1");
  EXPECT_FALSE(json::parse(get("/api/models/org/model/refs").body).contains("pullRequests"));
  const auto reply = get("/api/models/org/model/commits/main?limit=2");
  EXPECT_EQ(reply.header("x-total-count"), "3");
  EXPECT_EQ(reply.header("link"),
            "<" + hub.url() + "/api/models/org/model/commits/main?p=1&limit=2>; rel=\"next\"");
  EXPECT_EQ(json::parse(reply.body)[0]["title"], "Add weights and tokenizer");
}

TEST_F(HubTest, SmallRoutesAnswer) {
  EXPECT_EQ(get("/api/models/org/model/auth-check").status, 200);
  EXPECT_EQ(get("/api/models/org/gated/auth-check", kGood).status, 200);
  EXPECT_EQ(get("/api/models/org/gated/auth-check", kOther).status, 403);
  EXPECT_EQ(json::parse(get("/api/whoami-v2", kGood).body)["name"], "good");
  EXPECT_EQ(get("/api/whoami-v2").status, 401);
  EXPECT_EQ(get("/api/agent-harnesses").body, "{}");
  const auto token = get("/api/models/org/model/xet-read-token/main");
  EXPECT_EQ(json::parse(token.body)["accessToken"], token.header("x-xet-access-token"));
  EXPECT_EQ(get("/api/organizations/org/overview").status, 404);
  auto behaviour = hub.behaviour();
  behaviour.auth_check = false;
  hub.set_behaviour(behaviour);
  const auto mirror = get("/api/models/org/model/auth-check");
  EXPECT_EQ(mirror.status, 404);
  EXPECT_EQ(mirror.header("x-error-code"), "");
}

TEST_F(HubTest, XetClientsGetTheFileInXorbs) {
  const auto xet = hub.xet_hash("org/model", "model.safetensors");
  const auto url = hub.url() + "/_cas/v2/reconstructions/" + xet;
  EXPECT_EQ(raw_request("GET", url).status, 401);
  const Headers token = {{"Authorization", "Bearer xet_x"}, {"Range", "bytes=200000-300000"}};
  const auto plan = json::parse(raw_request("GET", url, token).body);
  EXPECT_EQ(plan["offset_into_first_range"], 200000 - 131072);
  EXPECT_EQ(plan["terms"][0]["range"], json({{"start", 1}, {"end", 3}}));
  const auto xorb = plan["xorbs"][plan["terms"][0]["hash"].get<std::string>()][0];
  EXPECT_EQ(xorb["ranges"][0]["bytes"], json({{"start", 131080}, {"end", 131080 * 3 - 1}}));
  const auto bytes =
      raw_request("GET", xorb["url"].get<std::string>(), {{"Range", "bytes=131080-262159"}});
  EXPECT_EQ(bytes.status, 206);
  EXPECT_EQ(bytes.body.substr(0, 8), std::string("\0\0\0\x02\0\0\0\x02", 8));
  EXPECT_EQ(bytes.body.substr(8), hub.bytes("org/model", "model.safetensors", 131072, 131072));
}

TEST_F(HubTest, ListsShowWhatTheCallerMaySee) {
  const auto reply = get("/api/models?author=org&limit=2");
  EXPECT_EQ(json::parse(reply.body).size(), 2U);
  EXPECT_THAT(std::string(reply.header("link")),
              StartsWith("<" + hub.url() + "/api/models?author=org"));
  EXPECT_THAT(get("/api/models").body, testing::Not(HasSubstr("org/private")));
  EXPECT_THAT(get("/api/models", kGood).body, HasSubstr("org/private"));
}

TEST_F(HubTest, AFlippedByteStaysWhereItIsInTheFile) {
  hub.set_fault({.kind = Fault::Kind::kFlip, .host = Host::kCdn, .offset = 5 * kMiB});
  auto want = hub.bytes("org/model", "model.safetensors");
  want[5 * kMiB] = static_cast<char>(~want[5 * kMiB]);
  EXPECT_EQ(fetch(large).body, want);
  EXPECT_EQ(fetch(large, {{"Range", "bytes=5242870-5242890"}}).body, want.substr(5242870, 21));
  hub.clear_faults();
  EXPECT_EQ(fetch(large).body, hub.bytes("org/model", "model.safetensors"));
}

TEST_F(HubTest, ACutIsAResetOrAnEarlyEnd) {
  hub.set_fault(
      {.kind = Fault::Kind::kCut, .host = Host::kCdn, .offset = 100, .reset = false, .count = 1});
  const auto ended = fetch(large);
  EXPECT_EQ(ended.body, generated_bytes(1, 0, 100));
  EXPECT_FALSE(ended.complete);
  EXPECT_FALSE(ended.reset);
  hub.set_fault({.kind = Fault::Kind::kCut, .host = Host::kCdn, .offset = 100, .count = 1});
  EXPECT_TRUE(fetch(large).reset);
  EXPECT_TRUE(fetch(large).complete);
  hub.set_fault({.kind = Fault::Kind::kReset, .match = "config.json"});
  EXPECT_EQ(get(small).status, 0);
}

TEST_F(HubTest, HeldBytesFlowWhenReleased) {
  hub.set_fault({.kind = Fault::Kind::kHold, .host = Host::kCdn, .offset = kMiB});
  const std::string url(head(large).header("location"));
  EXPECT_EQ(raw_request("GET", url, {}, {}, kMiB).body.size(), kMiB);
  EXPECT_EQ(raw_request("GET", url, {{"Range", "bytes=0-1048575"}}).body.size(), kMiB);
  hub.release();
  EXPECT_TRUE(raw_request("GET", url).complete);
}

TEST_F(HubTest, ALimitTellsWhatIsLeftOfItAndEnds) {
  hub.set_fault(
      {.kind = Fault::Kind::kLimit, .match = "/resolve/", .delay = std::chrono::hours(1)});
  const auto limited = head(large);
  EXPECT_EQ(limited.status, 429);
  EXPECT_EQ(limited.header("ratelimit"), R"("resolvers";r=0;t=3599)");
  EXPECT_EQ(get("/api/models/org/model").status, 200);
  hub.clear_faults();
  hub.set_fault(
      {.kind = Fault::Kind::kLimit, .match = "/api/", .delay = std::chrono::milliseconds(1)});
  while (get("/api/models/org/model").status != 200) std::this_thread::yield();
}

TEST_F(HubTest, OtherFaultsDoWhatTheySay) {
  hub.set_fault({.kind = Fault::Kind::kStatus, .match = "/api/", .status = 429, .count = 1});
  const auto limited = get("/api/models/org/model");
  EXPECT_EQ(limited.status, 429);
  EXPECT_EQ(limited.header("ratelimit"), R"("api";r=0;t=55)");
  EXPECT_EQ(get("/api/models/org/model").status, 200);

  const std::string url(head(large).header("location"));
  hub.set_fault({.kind = Fault::Kind::kIgnoreRange, .host = Host::kCdn, .count = 1});
  EXPECT_EQ(raw_request("GET", url, {{"Range", "bytes=0-9"}}).status, 200);
  hub.set_fault({.kind = Fault::Kind::kLength, .host = Host::kCdn, .length = 7, .count = 1});
  EXPECT_EQ(raw_request("GET", url).header("content-length"), std::to_string(20 * kMiB + 216 + 7));
  hub.set_fault({.kind = Fault::Kind::kEtag, .count = 1});
  const auto etag = "\"" + hub.etag("org/model", "model.safetensors") + "\"";
  EXPECT_NE(head(large).header("x-linked-etag"), etag);
  EXPECT_EQ(head(large).header("x-linked-etag"), etag);
  hub.set_fault({.kind = Fault::Kind::kHeader,
                 .headers = {{"X-Repo-Commit", ""}, {"Location", "http://169.254.169.254/"}},
                 .skip = 1,
                 .count = 1});
  EXPECT_EQ(head(large).header("x-repo-commit"), hub.sha("org/model"));
  EXPECT_EQ(head(large).header("location"), "http://169.254.169.254/");
  hub.set_fault({.kind = Fault::Kind::kDelay, .delay = std::chrono::milliseconds{1}});
  hub.set_fault({.kind = Fault::Kind::kPace, .bytes_per_second = 1'000'000'000});
  EXPECT_EQ(fetch(small).status, 200);
}

TEST_F(HubTest, ALinkIsSharedByAllAnswers) {
  hub.set_fault({.kind = Fault::Kind::kPace,
                 .host = Host::kCdn,
                 .bytes_per_second = 200'000'000,
                 .together = true});
  const auto begin = std::chrono::steady_clock::now();
  {
    const std::jthread other([&] { fetch(large, kGood); });
    fetch(large, kGood);
  }
  // 40 MiB take 210 ms; they have come when the last 20 of them begin.
  EXPECT_GE(std::chrono::steady_clock::now() - begin, std::chrono::milliseconds{180});
}

TEST_F(HubTest, TheLogKnowsWhatWasAsked) {
  fetch(large, kGood);
  EXPECT_EQ(hub.count(Host::kHub, "GET", "model.safetensors"), 1U);
  EXPECT_EQ(hub.count(Host::kCdn), 1U);
  EXPECT_EQ(hub.body_bytes(Host::kCdn), 20 * kMiB + 216);
  const auto log = hub.log();
  EXPECT_EQ(log[0].status, 302);
  EXPECT_EQ(log[0].header("authorization"), "Bearer hf_good");
  EXPECT_EQ(log[1].header("authorization"), "");
  hub.clear_log();
  EXPECT_TRUE(hub.log().empty());
}

TEST_F(HubTest, ARepoMayClaimADigestThatIsNotItsOwn) {
  const auto claimed = hub.etag("org/private", "model.safetensors");
  hub.add_repo({.id = "evil/thief"});
  hub.commit("evil/thief", "main",
             {{"model.safetensors", Content::generated(3 * kMiB + 7, 99), Storage::kLfs, claimed}});
  const auto path = "/evil/thief/resolve/main/model.safetensors";
  EXPECT_EQ(head(path).header("x-linked-etag"), "\"" + claimed + "\"");
  EXPECT_EQ(fetch(path).body, generated_bytes(99, 0, 3 * kMiB + 7));
}

TEST_F(HubTest, AStoppedHubComesBackOnItsPort) {
  hub.stop();
  EXPECT_EQ(get(small).status, 0);
  hub.start();
  EXPECT_EQ(get(small).status, 307);
}

TEST(ControlTest, TheWorldIsChangedFromOutside) {
  Hub hub(Hub::Options{.control = true});
  const auto post = [&](std::string_view path, std::string_view body) {
    return raw_request("POST", hub.url() + "/_sim/" + std::string(path), {}, body);
  };
  const auto made = post("repo", R"({"id":"org/x","gated":"auto","files":[
      {"path":"a.txt","content":"hello"},{"path":"b.bin","lfs":true,"size":100,"seed":3}],
      "refs":{"refs/tags/v1":"main"}})");
  EXPECT_EQ(made.status, 200) << made.body;
  EXPECT_EQ(json::parse(made.body)["sha"], hub.sha("org/x", "v1"));
  EXPECT_EQ(hub.bytes("org/x", "b.bin"), generated_bytes(3, 0, 100));
  const auto url = hub.url() + "/org/x/resolve/main/a.txt";
  EXPECT_EQ(raw_request("GET", url).status, 401);
  post("token", R"({"token":"hf_t","user":"u","repos":["org/x"]})");
  EXPECT_EQ(raw_request("GET", url, {{"Authorization", "Bearer hf_t"}}).status, 307);
  post("visibility", R"({"repo":"org/x","gated":false})");
  EXPECT_EQ(raw_request("GET", url).status, 307);
  post("fault", R"({"host":"hub","match":"a.txt","kind":"status","status":503})");
  EXPECT_EQ(raw_request("GET", url).status, 503);
  post("faults/clear", "{}");
  post("behaviour", R"({"direct_files":true})");
  EXPECT_EQ(raw_request("GET", url).body, "hello");
  const auto log = json::parse(raw_request("GET", hub.url() + "/_sim/log").body);
  EXPECT_EQ(log.size(), 5U);
  EXPECT_EQ(log[1]["headers"]["authorization"], "Bearer hf_t");
  EXPECT_EQ(log[4]["body_bytes"], 5);
  EXPECT_EQ(post("nonsense", "{}").status, 400);
}

TEST(ControlTest, ItIsOffUnlessAskedFor) {
  Hub hub;
  EXPECT_EQ(raw_request("GET", hub.url() + "/_sim/log").status, 404);
}

}  // namespace
}  // namespace hubsim
