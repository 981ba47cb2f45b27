// /v2, by the requests that Ollama and old llama.cpp make (contract/hub.md 1.9, 1.10), in their
// order.
#include <algorithm>
#include <future>
#include <span>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include "hubcache/base/digest.h"

#include "integration/fixture.h"

namespace hubcache::test {
namespace {

using namespace std::chrono_literals;
using hubsim::Content;
using hubsim::Fault;
using hubsim::Host;
using hubsim::Storage;
using testing::HasSubstr;
using Json = nlohmann::json;

const std::string kGguf = "tiny model-Q4_K_M.gguf";
constexpr std::uint64_t kGgufSize = (5 << 20) + 3;
const Fields kOllama{{"User-Agent", "ollama/0.12.3 (amd64 linux) Go/go1.24.1"},
                     {"Accept", "application/vnd.docker.distribution.manifest.v2+json"}};
const Fields kLlamaCpp{{"User-Agent", "llama-cpp"}, {"Accept", "application/json"}};

class RegistryTest : public ServerTest {
 protected:
  RegistryTest() {
    for (const std::string repo : {"org/gguf", "org/closed"}) {
      hub.add_repo({.id = repo});
      hub.add_file(repo, kGguf, Content::generated(kGgufSize, 21), Storage::kLfs);
    }
    hub.set_visibility("org/closed", {.gate = hubsim::Gate::kManual});
    hub.add_token("hf_guest", {.user = "guest", .granted = {"org/closed"}});
  }
  /// At the origin's root, as Ollama has to ask.
  Answer root(std::string_view method, const std::string& path, Fields fields = kOllama) {
    return fetch(port, path, fields, method);
  }
  static Fields and_range(Fields fields, const std::string& range) {
    fields.emplace_back("Range", range);
    return fields;
  }
  std::string bytes(std::uint64_t offset = 0, std::uint64_t length = UINT64_MAX) {
    return hub.bytes("org/gguf", kGguf, offset, length);
  }
  static std::string sha256_of(const std::string& text) {
    Hasher hasher(Digest::Algorithm::kSha256, text.size());
    hasher.update(std::as_bytes(std::span(text)));
    return hasher.finish().text();
  }
  std::string model_blob(const std::string& repo = "org/gguf") {
    return "/v2/" + repo + "/blobs/sha256:" + hub.etag(repo, kGguf);
  }
};

/// `ollama pull hf.co/org/gguf:Q4_K_M`, as server/download.go and server/images.go make it.
TEST_F(RegistryTest, OllamaPulls) {
  const auto manifest = root("GET", "/v2/org/gguf/manifests/Q4_K_M");
  ASSERT_EQ(manifest.status, 200) << manifest.body;
  const auto document = Json::parse(manifest.body);
  EXPECT_FALSE(document.contains("ggufFile"));
  auto blobs = document.at("layers");
  blobs.push_back(document.at("config"));
  ASSERT_EQ(blobs.size(), 3U);
  for (const auto& blob : blobs) {
    const auto path = "/v2/org/gguf/blobs/" + blob.at("digest").get<std::string>();
    const std::uint64_t size = blob.at("size");
    const auto head = root("HEAD", path);
    ASSERT_EQ(head.status, 200);
    EXPECT_EQ(head.header("content-length"), std::to_string(size));
    // It looks where the bytes are, and leaves: a 200 or 307 that says so.
    const auto direct = root("GET", path);
    ASSERT_EQ(direct.status, 200);
    const auto location = direct.header("location");
    ASSERT_EQ(location, "http://127.0.0.1" + path);
    std::string whole;
    constexpr std::uint64_t kParts = 16;
    const auto part = (size + kParts - 1) / kParts;
    for (std::uint64_t at = 0; at < size; at += part) {
      const auto last = std::min(at + part, size) - 1;
      const auto answer =
          root("GET", path,
               {{"User-Agent", kOllama.front().second},
                {"Range", "bytes=" + std::to_string(at) + "-" + std::to_string(last)}});
      ASSERT_EQ(answer.status, 206);
      whole += answer.body;
    }
    EXPECT_EQ(whole.size(), size);
    EXPECT_EQ(sha256_of(whole), blob.at("digest").get<std::string>());
  }
}

/// Ollama asks for the parts of a blob at once, on connections of their own.
TEST_F(RegistryTest, OllamasPartsOfAColdBlobAreOneDownload) {
  const auto path = model_blob();
  ASSERT_EQ(root("HEAD", path).status, 200);
  hub.set_fault({.kind = Fault::Kind::kHold, .host = Host::kCdn, .offset = 0});
  constexpr std::uint64_t kPart = 1 << 20;
  std::vector<std::future<Answer>> parts;
  for (std::uint64_t at = 0; at < kGgufSize; at += kPart) {
    const auto last = std::min(at + kPart, kGgufSize) - 1;
    const auto range = "bytes=" + std::to_string(at) + "-" + std::to_string(last);
    parts.push_back(std::async(std::launch::async, [this, path, range] {
      return root("GET", path, and_range(kOllama, range));
    }));
  }
  while (hub.count(Host::kCdn) == 0) std::this_thread::yield();
  hub.release();
  std::string whole;
  for (auto& part : parts) {
    const auto answer = part.get();
    EXPECT_EQ(answer.status, 206);
    whole += answer.body;
  }
  EXPECT_EQ(whole, bytes());
  wait_stored(1);
  EXPECT_EQ(hub.body_bytes(Host::kCdn), kGgufSize);
}

/// `llama-server -hf org/gguf:Q4_K_M` of 2025, as common/arg.cpp makes it.
TEST_F(RegistryTest, OldLlamaCppPulls) {
  for (const std::string prefix : {"", "/pulp/content/hf"}) {
    for (const std::string tag : {"Q4_K_M", "latest"}) {
      const auto manifest = root("GET", prefix + "/v2/org/gguf/manifests/" + tag, kLlamaCpp);
      ASSERT_EQ(manifest.status, 200);
      const std::string name = Json::parse(manifest.body).at("ggufFile").at("rfilename");
      ASSERT_EQ(name, kGguf);
      const auto url = prefix + "/org/gguf/resolve/main/" + name;
      std::string escaped = url;
      escaped.replace(escaped.find(' '), 1, "%20");
      const auto head = root("HEAD", escaped, kLlamaCpp);
      EXPECT_EQ(head.status, 200);
      EXPECT_NE(head.header("etag"), "");
      EXPECT_EQ(head.header("accept-ranges"), "bytes");
      EXPECT_EQ(root("GET", escaped, kLlamaCpp).body, bytes());
      EXPECT_EQ(root("GET", escaped, and_range(kLlamaCpp, "bytes=1000-")).body, bytes(1000));
    }
  }
}

// 1.9: by API and commit; it takes the first page of the tree only, and stores by its digests.
TEST_F(RegistryTest, LlamaCppPulls) {
  const Fields asking{{"User-Agent", "llama-cpp/b7000"}, {"Accept", "application/json"}};
  for (const std::string prefix : {"", "/pulp/content/hf"}) {
    const auto api = prefix + "/api/models/org/gguf";
    const auto refs = Json::parse(root("GET", api + "/refs", asking).body);
    const std::string commit = refs.at("branches").at(0).at("targetCommit");
    ASSERT_EQ(refs.at("branches").at(0).at("name"), "main");
    const auto tree =
        Json::parse(root("GET", api + "/tree/" + commit + "?recursive=true", asking).body);
    const auto file = std::find_if(tree.begin(), tree.end(),
                                   [](const Json& one) { return one.at("path") == kGguf; });
    ASSERT_NE(file, tree.end());
    const auto files = prefix + "/org/gguf/resolve/" + commit + '/';
    EXPECT_EQ(root("HEAD", files + "preset.ini", asking).status, 404);
    const auto url = files + "tiny%20model-Q4_K_M.gguf";
    const auto head = root("HEAD", url, asking);
    EXPECT_EQ(head.status, 200);
    EXPECT_EQ(head.header("etag"), '"' + file->at("lfs").at("oid").get<std::string>() + '"');
    EXPECT_EQ(head.header("content-length"), std::to_string(kGgufSize));
    EXPECT_EQ(head.header("accept-ranges"), "bytes");
    const auto whole = root("GET", url, asking);
    EXPECT_EQ(whole.status, 200);
    EXPECT_EQ(whole.body, bytes());
    const auto rest = root("GET", url, and_range(asking, "bytes=1000-"));
    EXPECT_EQ(rest.status, 206);
    EXPECT_EQ(rest.body, bytes(1000));
  }
}

TEST_F(RegistryTest, ManifestsAreKeptApartForThoseTheHubTellsDifferentThings) {
  const std::string path = "/v2/org/gguf/manifests/latest";
  EXPECT_FALSE(Json::parse(root("GET", path).body).contains("ggufFile"));
  EXPECT_TRUE(Json::parse(root("GET", path, kLlamaCpp).body).contains("ggufFile"));
  EXPECT_FALSE(Json::parse(root("GET", path, {}).body).contains("ggufFile"));
  EXPECT_EQ(hub.count(Host::kHub, "GET", "/manifests/"), 2U);
  for (const auto& asked : hub.log()) {
    EXPECT_EQ(asked.header("user-agent").find("0.12.3"), std::string::npos);
  }
  EXPECT_THAT(root("GET", path).header("vary"), HasSubstr("User-Agent"));
}

TEST_F(RegistryTest, AWarmPullAsksTheHubForNothing) {
  const auto pull = [this] {
    return root("GET", "/v2/org/gguf/manifests/Q4_K_M").status == 200 &&
           root("HEAD", model_blob()).status == 200 && root("GET", model_blob()).body == bytes();
  };
  ASSERT_TRUE(pull());
  wait_stored(1);
  hub.clear_log();
  EXPECT_TRUE(pull());
  EXPECT_EQ(hub_requests() + hub.count(Host::kCdn), 0U);
  restart();
  hub.stop();
  clock.advance(1h);
  EXPECT_TRUE(pull());
  hub.start();
}

TEST_F(RegistryTest, ABlobIsAskedForWithoutItsManifest) {
  EXPECT_EQ(root("GET", model_blob(), and_range(kOllama, "bytes=5-9")).body, bytes(5, 5));
  const auto params = Json::parse(root("GET", "/v2/org/gguf/manifests/latest").body)
                          .at("layers")
                          .at(1)
                          .at("digest");
  restart();
  EXPECT_THAT(root("GET", "/v2/org/gguf/blobs/" + params.get<std::string>()).body,
              HasSubstr("stop"));
}

TEST_F(RegistryTest, WhatIsNotThereIsNotFound) {
  EXPECT_EQ(root("GET", "/v2/org/gguf/manifests/Q9").status, 404);
  EXPECT_EQ(root("GET", "/v2/org/gguf/blobs/sha256:" + std::string(64, '0')).status, 404);
  EXPECT_EQ(root("GET", "/v2/org/gguf/blobs/" + std::string(64, '0')).status, 404);
  EXPECT_EQ(root("GET", "/v2/org/none/manifests/latest").status, 401);
  EXPECT_EQ(root("POST", "/v2/org/gguf/blobs/uploads/").status, 405);
}

TEST_F(RegistryTest, AGatedModelWithTheRemotesToken) {
  EXPECT_EQ(root("GET", "/v2/org/closed/manifests/latest").status, 401);
  EXPECT_EQ(root("GET", model_blob("org/closed")).status, 401);
  const auto remote = Json::parse(rest("GET", kRemotes).body).at("results").at(0).at("pulp_href");
  ASSERT_EQ(rest("PATCH", remote.get<std::string>(), R"({"hf_token": "hf_guest"})").status, 202);
  EXPECT_EQ(root("GET", "/v2/org/closed/manifests/latest").status, 200);
  EXPECT_EQ(root("GET", model_blob("org/closed")).body, bytes());
  EXPECT_EQ(hub.cdn_authorizations(), 0U);
}

}  // namespace
}  // namespace hubcache::test
