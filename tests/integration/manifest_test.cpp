// What the usual ways to read a whole repo cost upstream (docs/clients.md, "What is asked when").
#include <filesystem>
#include <future>
#include <thread>
#include <vector>

#include <nlohmann/json.hpp>

#include "hubcache/db/connection.h"
#include "hubcache/http/url.h"

#include "integration/fixture.h"

namespace hubcache::test {
namespace {

using namespace std::chrono_literals;
using hubsim::Host;
using nlohmann::json;

class ManifestTest : public ServerTest {
 protected:
  std::vector<std::string> paths_in(const Answer& tree) {
    std::vector<std::string> paths;
    for (const auto& item : json::parse(tree.body)) {
      if (item.at("type") == "file") paths.push_back(item.at("path"));
    }
    return paths;
  }
  static std::string escaped(const std::string& path) { return http::percent_encode(path, "/"); }

  /// As snapshot_download of huggingface_hub 2.4 does: info, tree, and then each file by HEAD and
  /// GET, eight at a time. Returns how many files there were.
  std::size_t snapshot(const std::string& repo, std::string_view token = {}) {
    const auto info = get("/api/models/" + repo + "/revision/main", token);
    EXPECT_EQ(info.status, 200);
    const std::string commit = json::parse(info.body).at("sha");
    const auto tree =
        get("/api/models/" + repo + "/tree/" + commit + "?recursive=true&expand=false", token);
    EXPECT_EQ(tree.status, 200);
    const auto paths = paths_in(tree);
    std::vector<std::future<void>> clients;
    for (const auto& path : paths) {
      clients.push_back(std::async(std::launch::async, [=, this] {
        const std::string url = "/" + repo + "/resolve/" + commit + "/" + escaped(path);
        EXPECT_EQ(head(url, token).status, 200) << path;
        const auto file = get(url, token);
        EXPECT_EQ(file.status, 200) << path;
        EXPECT_EQ(file.body, hub.bytes(repo, path)) << path;
      }));
    }
    for (auto& client : clients) client.get();
    return paths.size();
  }

  /// Requests for the bytes of files, redirects of the Hub's own left out.
  std::size_t content_requests() { return hub.count(Host::kHub, "GET", "/resolve/"); }
  std::size_t other_requests() {
    return hub.count(Host::kHub) - content_requests() -
           hub.count(Host::kHub, {}, "/resolve-cache/");
  }
};

TEST_F(ManifestTest, AColdSnapshotAsksOncePerFileAndAHandfulMore) {
  const auto files = snapshot("org/model");
  EXPECT_LE(content_requests(), files);
  EXPECT_LE(other_requests(), 5U);  // auth-check, info, tree, a HEAD to prove the right
  EXPECT_LE(hub.count(Host::kCdn), 1U);
}

TEST_F(ManifestTest, AWarmSnapshotAtACommitCostsNothing) {
  snapshot("org/model");
  hub.clear_log();
  snapshot("org/model");
  EXPECT_EQ(hub.log().size(), 0U);
  restart();
  hub.clear_log();
  snapshot("org/model");
  EXPECT_EQ(hub.log().size(), 0U);
}

// By the caller's own right, and by the remote's.
TEST_F(ManifestTest, ASnapshotOfAGatedRepoCostsNoMore) {
  for (const std::string token : {"hf_good", ""}) {
    if (token.empty()) {
      const std::string href =
          json::parse(rest("GET", kRemotes).body).at("results").at(0).at("pulp_href");
      ASSERT_EQ(rest("PATCH", href, R"({"hf_token":"hf_good"})").status, 202);
    }
    hub.clear_log();
    const auto files = snapshot("org/gated", token);
    EXPECT_EQ(files, 4U);
    EXPECT_LE(content_requests(), files);
    EXPECT_LE(other_requests(), 5U);
    for (const auto& request : hub.log()) {
      const bool by_right = request.host == Host::kHub;
      EXPECT_EQ(request.header("authorization"), by_right ? "Bearer hf_good" : "");
    }
    hub.clear_log();
    snapshot("org/gated", token);
    EXPECT_EQ(hub.log().size(), 0U);
  }
}

TEST_F(ManifestTest, ASnapshotIsServedWithTheHubGone) {
  snapshot("org/model");
  snapshot("org/gated", "hf_good");
  hub.stop();
  clock.advance(2h);
  snapshot("org/model");
  snapshot("org/gated", "hf_good");
  hub.start();
}

TEST_F(ManifestTest, SecurityRule15ATreeThatIsTooLargeLeavesItsFilesServed) {
  std::vector<hubsim::Change> changes;
  for (int i = 0; i < 1'500; ++i) {
    changes.push_back({.path = std::string(200, 'd') + std::to_string(i), .content = "x"});
  }
  changes.push_back({.path = "config.json", .content = "{}"});
  changes.push_back({.path = "notes.txt", .content = "notes"});
  hub.add_repo({.id = "org/vast"});
  const auto commit = hub.commit("org/vast", "main", std::move(changes));
  stop();
  config.storage.max_metadata = 1'500'000;
  start();
  const std::string at = "/org/vast/resolve/" + commit + "/";
  const std::string tree = "/api/models/org/vast/tree/" + commit + "?recursive=true&expand=false";
  EXPECT_EQ(get(tree).status, 200);
  for (const auto* path : {"config.json", "notes.txt"}) {
    for (int i = 0; i < 2; ++i) EXPECT_EQ(get(at + path).status, 200) << path;
  }
  while (hub_requests("cursor=") == 0) std::this_thread::yield();
  EXPECT_EQ(get(at + "none.txt").status, 404);
  const auto entries = [&] {
    db::Connection sql(data / "hubcache.db", db::Connection::Access::kReadOnly);
    auto rows = sql.query("SELECT count(*) FROM entries WHERE key LIKE '%org/vast%'");
    rows.step();
    return rows.integer(0);
  };
  stop();
  start();  // what was written soon is there
  EXPECT_LT(entries(), 1'500);
}

TEST_F(ManifestTest, FilesThatDoNotExistCostOneCallInAll) {
  ASSERT_EQ(head("/org/model/resolve/main/config.json").status, 200);
  hub.clear_log();
  for (const std::string name :
       {"adapter_config.json", "generation_config.json", "chat_template.jinja",
        "processor_config.json", "custom_generate/generate.py", "modules.json",
        "1_Pooling/config.json", "model.safetensors.index.json", "added_tokens.json",
        "special_tokens_map.json"}) {
    const auto missing = head("/org/model/resolve/main/" + name);
    EXPECT_EQ(missing.status, 404) << name;
    EXPECT_EQ(missing.header("x-error-code"), "EntryNotFound");
    EXPECT_EQ(missing.header("x-repo-commit"), hub.sha("org/model"));
  }
  EXPECT_EQ(hub.log().size(), 1U);
}

TEST_F(ManifestTest, TheManifestAndTheHeadTellTheSame) {
  for (const std::string path : {"config.json", "model.safetensors", "empty.txt"}) {
    const std::string url = "/org/model/resolve/" + hub.sha("org/model") + "/" + path;
    const auto by_head = head(url);
    stop();
    std::filesystem::remove_all(data.path());
    start();
    get("/api/models/org/model/tree/" + hub.sha("org/model") + "?recursive=true");
    get("/org/model/resolve/main/README.md");
    hub.clear_log();
    const auto by_manifest = head(url);
    EXPECT_EQ(hub.log().size(), 0U) << path;
    for (const std::string field : {"etag", "content-length", "x-linked-etag", "x-repo-commit",
                                    "x-linked-size", "content-type"}) {
      EXPECT_EQ(by_manifest.header(field), by_head.header(field)) << path << field;
    }
  }
}

TEST_F(ManifestTest, SecurityRule13AnAbsenceIsNotTakenFromWhatIsNotTheHubsWord) {
  ASSERT_EQ(head("/org/model/resolve/main/config.json").status, 200);
  hub.set_fault({.kind = hubsim::Fault::Kind::kStatus, .match = "/tree/", .status = 404});
  hub.set_fault({.kind = hubsim::Fault::Kind::kStatus,
                 .match = "tokenizer.json",
                 .status = 404,
                 .body = "a proxy says no"});
  EXPECT_EQ(head("/org/model/resolve/main/tokenizer.json").status, 404);
  hub.clear_faults();
  EXPECT_EQ(head("/org/model/resolve/main/tokenizer.json").status, 200);
}

TEST_F(ManifestTest, SecurityRule4TheTreeOfAGatedRepoOpensNothing) {
  const std::string commit = hub.sha("org/gated");
  ASSERT_EQ(get("/api/models/org/gated/tree/" + commit + "?recursive=true").status, 200);
  ASSERT_EQ(get("/org/gated/resolve/" + commit + "/README.md").status, 200);
  EXPECT_EQ(get("/org/gated/resolve/" + commit + "/config.json").status, 401);
  EXPECT_EQ(get("/org/gated/resolve/" + commit + "/none").status, 401);
  EXPECT_EQ(get("/org/gated/resolve/" + commit + "/model.safetensors", "hf_good").body,
            hub.bytes("org/gated", "model.safetensors"));
}

}  // namespace
}  // namespace hubcache::test
