// SECURITY rule 8 across hubs: what one delivered is not shown to those of another.
#include <filesystem>
#include <string>
#include <thread>

#include <nlohmann/json.hpp>

#include "integration/fixture.h"

namespace hubcache::test {
namespace {

using hubsim::Content;
using hubsim::Host;
using hubsim::Storage;

class SecurityOriginsTest : public ServerTest {
 protected:
  /// Another hub, under the distribution of that name.
  void add_remote(const std::string& name, const std::string& url) {
    const auto made =
        rest("POST", kRemotes, R"({"name":")" + name + R"(","url":")" + url + R"("})");
    const std::string href = nlohmann::json::parse(made.body).at("pulp_href");
    const std::string distribution =
        R"({"name":")" + name + R"(","base_path":")" + name + R"(","remote":")" + href + R"("})";
    ASSERT_EQ(rest("POST", kDistributions, distribution).status, 202);
  }
};

// Who guesses most of a private file has samples of it that are right.
TEST_F(SecurityOriginsTest, Rule8AnotherHubsOwnBytesAreNoProofUnlessTheyAreAll) {
  const std::string path = "/resolve/main/tuned.bin";
  hub.add_file("org/private", "tuned.bin", Content::generated(4 << 20, 7), Storage::kLfs);
  const auto secret = get("/org/private" + path, "hf_good").body;
  ASSERT_EQ(secret, hub.bytes("org/private", "tuned.bin"));
  wait_stored(1);
  hubsim::Hub theirs;
  auto guess = secret;
  guess[3 << 20] = static_cast<char>(~guess[3 << 20]);
  add_remote("evil", theirs.url());
  for (const std::string name : {"a", "b", "c"}) {
    theirs.add_repo({.id = "evil/" + name});
    theirs.commit("evil/" + name, "main",
                  {{.path = "tuned.bin",
                    .content = Content(guess),
                    .storage = Storage::kLfs,
                    .claimed_sha256 = hub.etag("org/private", "tuned.bin")}});
    for (const Fields& range : {Fields{{"Range", "bytes=3145700-3145800"}}, Fields{}}) {
      const auto got = fetch(port, "/pulp/content/evil/evil/" + name + path, range);
      EXPECT_NE(got.body, secret);
      EXPECT_NE(got.body, secret.substr(3145700, 101));
      EXPECT_FALSE(got.status == 200 && got.complete);
    }
  }
  EXPECT_EQ(get("/org/private" + path, "hf_good").body, secret);
}

TEST_F(SecurityOriginsTest, Rule8AnotherHubDeliversABlobWholeOnceThenSamplesProveItsRepos) {
  const std::string path = "/resolve/main/shared.bin";
  const auto content = Content::generated(9 << 20, 5);
  hub.add_file("org/model", "shared.bin", content, Storage::kLfs);
  const auto first = get("/org/model" + path).body;
  wait_stored(1);
  hubsim::Hub theirs;
  add_remote("theirs", theirs.url());
  for (const std::string repo : {"org/one", "org/two"}) {
    theirs.add_repo({.id = repo});
    theirs.add_file(repo, "shared.bin", content, Storage::kLfs);
  }
  const auto cdn_bytes = [&](const std::string& repo) {
    theirs.clear_log();
    EXPECT_EQ(fetch(port, "/pulp/content/theirs/" + repo + path).body, first);
    while (!std::filesystem::is_empty(data.path() / "fills")) std::this_thread::yield();
    return theirs.body_bytes(Host::kCdn);
  };
  EXPECT_EQ(cdn_bytes("org/one"), first.size());
  EXPECT_EQ(cdn_bytes("org/one"), 0U);
  const auto of_proof = cdn_bytes("org/two");
  EXPECT_GT(of_proof, 0U);
  EXPECT_LE(of_proof, 1U << 20U);
  EXPECT_EQ(stored_blobs(), 1U);
}

}  // namespace
}  // namespace hubcache::test
