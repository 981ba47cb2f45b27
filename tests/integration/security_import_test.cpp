// SECURITY 24: import trusts no path, link, digest or commit without its proof.
#include <cstring>
#include <map>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "hubcache/app/commands.h"
#include "hubcache/base/error.h"
#include "hubcache/base/sha256.h"
#include "hubcache/mirror/carry.h"

#include "integration/fixture.h"

namespace hubcache::test {
namespace {

using mirror::Description;

const std::string kClaimed = "what the import says";

class ImportSecurityTest : public ServerTest {
 protected:
  void go(bool offline) {
    stop();
    config.upstream.offline = offline;
    start();
  }

  Description of_model(const std::string& path, const std::string& bytes, bool is_public = true) {
    return {.repo = {.type = hub::RepoType::kModel, .name = "org/model"},
            .commit = commit_id("org/model"),
            .revisions = {"main"},
            .is_public = is_public,
            .files = {{{.path = path, .digest = sha256_of(bytes), .size = bytes.size()}, false}}};
  }
  std::string commit_id(const std::string& repo) {
    const auto answer =
        fetch(hub.port(), "/api/models/" + repo, {{"Authorization", "Bearer hf_good"}});
    return nlohmann::json::parse(answer.body).at("sha");
  }

  /// What came of it: complaints.
  std::vector<std::string> import(const Description& commit, const std::vector<std::string>& blobs,
                                  bool local_access = false) {
    const TempDir folder;
    std::map<std::string, std::string> bytes;
    for (const auto& blob : blobs) bytes[sha256_of(blob).text()] = blob;
    const auto target = mirror::make_directory_target(folder.path() / "export");
    const auto text = to_text(commit);
    const auto digest = sha256_of(text);
    for (const auto& [name, blob] : bytes) {
      auto left = blob;
      target->put_blob(*Digest::from_text(name), blob.size(), [&left](std::span<std::byte> into) {
        const auto count = std::min(into.size(), left.size());
        std::memcpy(into.data(), left.data(), count);
        left.erase(0, count);
        return count;
      });
    }
    target->put(mirror::description_name(digest), text);
    target->put(std::string(mirror::kIndexName),
                to_text(mirror::Index{.items = {{.repo = commit.repo,
                                                 .commit = commit.commit,
                                                 .description = digest,
                                                 .size = text.size()}}}));
    std::vector<std::string> told;
    app::Orders orders({.config = config});
    mirror::import_all(
        *mirror::open_directory(folder.path() / "export"),
        [&orders](const nlohmann::json& command) { return orders.give(command); },
        {.remote = {}, .local_access = local_access},
        [&told](const std::string& what) { told.push_back(what); }, [](const mirror::Carried&) {});
    return told;
  }
};

TEST_F(ImportSecurityTest, Rule24NamingADigestShowsNoBytesThatTheImportDoesNotHave) {
  const auto secret = get(kPrivate, "hf_good").body;
  ASSERT_EQ(get(kPrivate, "hf_good").status, 200);
  wait_stored(1);
  go(true);
  Hasher hasher(Digest::Algorithm::kGitSha1, secret.size());
  hasher.update(std::as_bytes(std::span(secret)));
  auto claim = of_model("stolen.json", "x");
  claim.files[0].digest = hasher.finish();
  claim.files[0].size = secret.size();
  EXPECT_EQ(import(claim, {}).size(), 2U);  // the blob and the commit
  EXPECT_EQ(get("/org/model/resolve/main/stolen.json").status, 502);
  claim.files[0].left_out = true;  // "its bytes are elsewhere"
  EXPECT_TRUE(import(claim, {}).empty());
  const auto answer = get("/org/model/resolve/main/stolen.json");
  EXPECT_EQ(answer.status, 502);
  EXPECT_EQ(answer.body.find(secret), std::string::npos);
}

TEST_F(ImportSecurityTest, Rule24WhatAnImportSaysCountsOnlyWhileOfflineAndAfterTheHubsWord) {
  const auto true_bytes = get(kConfig).body;
  EXPECT_TRUE(import(of_model("config.json", kClaimed), {kClaimed}).empty());
  EXPECT_TRUE(import(of_model("only-imported", kClaimed), {kClaimed}).empty());
  EXPECT_EQ(get(kConfig).body, true_bytes);
  EXPECT_EQ(get("/org/model/resolve/main/only-imported").status, 404);
  EXPECT_EQ(get("/org/model/resolve/" + commit_id("org/model") + "/only-imported").status, 404);
  go(true);
  EXPECT_EQ(get(kConfig).body, true_bytes);
}

TEST_F(ImportSecurityTest, Rule24WhatIsImportedServesOfflineForAsLongAsItTakes) {
  EXPECT_TRUE(import(of_model("config.json", kClaimed), {kClaimed}).empty());
  go(true);
  EXPECT_EQ(get(kConfig).body, kClaimed);
  clock.advance(std::chrono::hours(24 * 400));
  EXPECT_EQ(get(kConfig).body, kClaimed);
  EXPECT_EQ(get("/org/model/resolve/main/none").status, 404);  // all of its files are known
  const auto info = get(kInfo);
  ASSERT_EQ(info.status, 200);
  const auto document = nlohmann::json::parse(info.body);
  EXPECT_EQ(document.at("sha"), commit_id("org/model"));
  EXPECT_EQ(document.at("siblings").size(), 1U);
  EXPECT_EQ(get("/api/models/org/model/revision/other").status, 502);
}

TEST_F(ImportSecurityTest, Rule24ARefusalOfTheHubEndsWhatAnImportGave) {
  auto claim = of_model("config.json", kClaimed);
  claim.repo.name = "org/private";
  EXPECT_TRUE(import(claim, {kClaimed}).empty());
  go(true);
  EXPECT_EQ(get(kPrivate).body, kClaimed);
  go(false);
  EXPECT_NE(get(kPrivate).status, 200);  // the Hub is asked, and says no
  go(true);
  EXPECT_NE(get(kPrivate).status, 200);
  clock.advance(std::chrono::minutes(2));  // its refusal is told for one
  EXPECT_EQ(get(kPrivate).status, 502);
  EXPECT_TRUE(import(claim, {kClaimed}).empty());
  EXPECT_EQ(get(kPrivate).body, kClaimed);  // whoever has the data directory may say it again
}

TEST_F(ImportSecurityTest, Rule24WhatIsNotPublicIsReadableWithLocalAccessOnly) {
  const auto claim = of_model("config.json", kClaimed, false);
  EXPECT_TRUE(import(claim, {kClaimed}).empty());
  go(true);
  EXPECT_EQ(get(kConfig).status, 502);
  EXPECT_EQ(get(kInfo).status, 502);
  EXPECT_TRUE(import(claim, {kClaimed}, true).empty());
  EXPECT_EQ(get(kConfig).body, kClaimed);
}

TEST_F(ImportSecurityTest, Rule24OfTwoImportsOfOneCommitTheSecondMustAgree) {
  EXPECT_TRUE(import(of_model("config.json", kClaimed), {kClaimed}).empty());
  const auto told = import(of_model("config.json", "another"), {"another"});
  ASSERT_EQ(told.size(), 1U);
  EXPECT_NE(told[0].find("--replace"), std::string::npos);
  go(true);
  EXPECT_EQ(get(kConfig).body, kClaimed);
}

}  // namespace
}  // namespace hubcache::test
