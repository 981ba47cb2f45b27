// Git-lfs's batches and objects (contract/hub.md 1.11). With git-lfs itself: tests/e2e/test_git.py.
#include <vector>

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include "hubcache/base/base64.h"

#include "integration/fixture.h"

namespace hubcache::test {
namespace {

using namespace std::chrono_literals;
using hubsim::Content;
using hubsim::Fault;
using hubsim::Host;
using hubsim::Storage;
using testing::HasSubstr;
using testing::StartsWith;
using Json = nlohmann::json;

constexpr std::string_view kWeights = "model.safetensors";  // of several repos of the seeded world

class LfsTest : public ServerTest {
 protected:
  Answer ask(const std::string& repo, const std::vector<Json>& objects, std::string_view token = {},
             std::string_view operation = "download") {
    const Json batch{{"operation", operation}, {"transfers", {"basic"}}, {"objects", objects}};
    return post(repo, batch.dump(), token);
  }
  Answer post(const std::string& repo, const std::string& body, std::string_view token = {}) {
    Fields fields{{"Content-Type", "application/vnd.git-lfs+json"},
                  {"Accept", "application/vnd.git-lfs+json"}};
    if (!token.empty()) fields.emplace_back("Authorization", "Bearer " + std::string(token));
    return fetch(port, "/pulp/content/hf/" + repo + ".git/info/lfs/objects/batch", fields, "POST",
                 body);
  }
  Json object_of(const std::string& repo) {
    return {{"oid", hub.etag(repo, kWeights)}, {"size", hub.size(repo, kWeights)}};
  }
  /// The path of the object's URL, below the distribution.
  std::string path_of(const Answer& batch, std::size_t i = 0) {
    if (batch.status != 200) return {};
    const std::string href =
        Json::parse(batch.body).at("objects").at(i).at("actions").at("download").at("href");
    const std::string base = "http://127.0.0.1/pulp/content/hf";
    EXPECT_THAT(href, StartsWith(base));
    return href.substr(base.size());
  }
};

TEST_F(LfsTest, ObjectsComeFromHere) {
  const auto batch = ask("org/model", {object_of("org/model")});
  ASSERT_EQ(batch.status, 200) << batch.body;
  EXPECT_EQ(batch.header("content-type"), "application/vnd.git-lfs+json");
  EXPECT_EQ(batch.body.find(hub.cdn_url()), std::string::npos);
  const auto path = path_of(batch);
  hub.clear_log();
  const auto object = get(path);
  EXPECT_EQ(object.body, hub.bytes("org/model", kWeights));
  EXPECT_EQ(object.header("etag"), '"' + hub.etag("org/model", kWeights) + '"');
  // The batch has said where the bytes are: nothing more is asked but the right to them, once.
  EXPECT_LE(hub.count(Host::kHub, "POST", "/info/lfs/"), 1U);
  wait_stored(1);
  hub.clear_log();
  EXPECT_EQ(get(path, {}, {{"Range", "bytes=100-109"}}).body,
            hub.bytes("org/model", kWeights, 100, 10));
  EXPECT_EQ(head(path).header("content-length"), std::to_string(hub.size("org/model", kWeights)));
  EXPECT_EQ(hub_requests() + hub.count(Host::kCdn), 0U);
}

TEST_F(LfsTest, ABlobIsOneWhoeverAsksForItHow) {
  ASSERT_EQ(get("/org/model/resolve/main/model.safetensors").status, 200);
  wait_stored(1);
  const auto path = path_of(ask("org/model", {object_of("org/model")}));
  hub.clear_log();
  EXPECT_EQ(get(path).body, hub.bytes("org/model", kWeights));
  EXPECT_EQ(hub.count(Host::kCdn), 0U);
}

TEST_F(LfsTest, WhatTheHubDoesNotNameIsAnErrorOfThatObject) {
  auto other = object_of("gpt2");
  auto wrong = object_of("org/model");
  wrong["size"] = 7;
  const auto batch = ask("org/model", {other, object_of("org/model"), wrong});
  ASSERT_EQ(batch.status, 200);
  const auto objects = Json::parse(batch.body).at("objects");
  ASSERT_EQ(objects.size(), 3U);
  for (const std::size_t i : {0U, 2U}) {
    EXPECT_EQ(objects.at(i).at("error").at("code"), 404);
    EXPECT_FALSE(objects.at(i).contains("actions"));
  }
  EXPECT_EQ(get(path_of(batch, 1)).status, 200);
}

TEST_F(LfsTest, AnUploadIsRefusedBeforeTheHubIsAsked) {
  hub.clear_log();
  const auto answer = ask("org/model", {object_of("org/model")}, "hf_good", "upload");
  EXPECT_EQ(answer.status, 403);
  EXPECT_THAT(Json::parse(answer.body).at("message"), HasSubstr("read-only cache of the Hub"));
  EXPECT_THAT(answer.header("content-type"), StartsWith("application/vnd.git-lfs+json"));
  for (const auto* body : {"", "{", "[]", "{}", R"({"operation":"download"})",
                           R"({"operation":"download","objects":[1]})",
                           R"({"operation":"download","objects":[{"oid":"x","size":1}]})",
                           R"({"operation":"verify","objects":[]})",
                           R"({"operation":"download","hash_algo":"sha1","objects":[]})"}) {
    EXPECT_EQ(post("org/model", body).status, 400) << body;
  }
  EXPECT_EQ(hub_requests(), 0U);
}

TEST_F(LfsTest, ABatchAsksForSoManyObjectsAtMost) {
  hub.clear_log();
  const auto answer = ask("org/model", std::vector<Json>(1'001, object_of("org/model")));
  EXPECT_EQ(answer.status, 413);
  EXPECT_THAT(Json::parse(answer.body).at("message"), HasSubstr("1000 objects at most"));
  EXPECT_EQ(hub_requests(), 0U);
  EXPECT_EQ(ask("org/model", std::vector<Json>(1'000, object_of("org/model"))).status, 200);
}

TEST_F(LfsTest, AnExpiredPlaceIsAskedForAgain) {
  const auto path = path_of(ask("org/model", {object_of("org/model")}));
  ASSERT_EQ(head(path).status, 200);
  hub.clear_log();
  hub.set_fault({.kind = Fault::Kind::kExpire, .host = Host::kCdn, .count = 1});
  EXPECT_EQ(get(path).body, hub.bytes("org/model", kWeights));
  EXPECT_EQ(hub.count(Host::kHub, "POST", "/info/lfs/"), 1U);
}

TEST_F(LfsTest, AnUrlIsGoodAcrossARestartAndWhileTheHubIsDown) {
  const auto path = path_of(ask("org/model", {object_of("org/model")}));
  ASSERT_EQ(get(path).status, 200);
  wait_stored(1);
  restart();
  hub.stop();
  EXPECT_EQ(get(path).body, hub.bytes("org/model", kWeights));
  clock.advance(1h);
  EXPECT_EQ(get(path).body, hub.bytes("org/model", kWeights));
  clock.advance(48h);
  EXPECT_EQ(get(path).status, 502);
  hub.start();
}

TEST_F(LfsTest, TheHubNamesItAgainFromTimeToTime) {
  const auto path = path_of(ask("org/model", {object_of("org/model")}));
  ASSERT_EQ(get(path).status, 200);
  clock.advance(31min);
  hub.clear_log();
  EXPECT_EQ(get(path).status, 200);
  EXPECT_EQ(hub.count(Host::kHub, "POST", "/info/lfs/"), 1U);
}

TEST_F(LfsTest, AFalseObjectIsNotCompleted) {
  hub.set_fault({.kind = Fault::Kind::kFlip, .host = Host::kCdn, .offset = 1000});
  const auto answer = get(path_of(ask("org/model", {object_of("org/model")})));
  EXPECT_FALSE(answer.complete);
  EXPECT_TRUE(answer.reset);
  EXPECT_EQ(stored_blobs(), 0U);
}

TEST_F(LfsTest, AStreamedRemoteStoresNothing) {
  const auto remote = Json::parse(rest("GET", kRemotes).body).at("results").at(0).at("pulp_href");
  ASSERT_EQ(rest("PATCH", remote.get<std::string>(), R"({"policy": "streamed"})").status, 202);
  const auto path = path_of(ask("org/model", {object_of("org/model")}));
  EXPECT_EQ(get(path).body, hub.bytes("org/model", kWeights));
  EXPECT_EQ(stored_blobs(), 0U);
}

}  // namespace
}  // namespace hubcache::test
