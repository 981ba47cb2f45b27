#include "hubcache/hub/urls.h"

#include <gtest/gtest.h>

#include "hubcache/hub/grammar.h"

namespace hubcache::hub {
namespace {

const FileRef kFile{.repo = {.type = RepoType::kDataset, .name = "o/n"},
                    .revision = "refs/pr/1",
                    .path = "a b/c#.txt"};

http::Url parsed(std::string_view text) { return http::Url::parse(text).value(); }

TEST(Urls, EncodeEveryPartAnew) {
  EXPECT_EQ(resolve_path(kFile), "/datasets/o/n/resolve/refs%2Fpr%2F1/a%20b/c%23.txt");
  EXPECT_EQ(info_path(kFile), "/api/datasets/o/n/revision/refs%2Fpr%2F1");
  EXPECT_EQ(tree_path(kFile), "/api/datasets/o/n/tree/refs%2Fpr%2F1/a%20b/c%23.txt");
  EXPECT_EQ(auth_check_path(kFile.repo), "/api/datasets/o/n/auth-check");
}

TEST(Urls, LeaveOutWhatIsEmpty) {
  FileRef root{.repo = {.type = RepoType::kModel, .name = "gpt2"}, .revision = {}, .path = {}};
  EXPECT_EQ(info_path(root), "/api/models/gpt2");
  root.revision = "main";
  EXPECT_EQ(tree_path(root), "/api/models/gpt2/tree/main");
}

TEST(Urls, AreReadBackAsTheirParts) {
  const auto read = [](const std::string& path) {
    return parse_route(std::string_view(path).substr(1)).file;
  };
  EXPECT_EQ(read(resolve_path(kFile)), kFile);
  EXPECT_EQ(read(tree_path(kFile)), kFile);
  FileRef info = kFile;
  info.path.clear();
  EXPECT_EQ(read(info_path(kFile)), info);
  EXPECT_EQ(read(auth_check_path(kFile.repo)).repo, kFile.repo);
}

TEST(Urls, GoBelowTheBasePath) {
  EXPECT_EQ(target_below(parsed("https://hub"), "/api/models/x"), "/api/models/x");
  EXPECT_EQ(target_below(parsed("https://hub/pulp/content/hf/"), "/x"), "/pulp/content/hf/x");
}

TEST(Urls, AnApiRouteOfOneRepoIsThatOfAnother) {
  const RepoId old{.type = RepoType::kDataset, .name = "org/old"};
  const RepoId now{.type = RepoType::kDataset, .name = "new/name"};
  EXPECT_EQ(api_path_of("/api/datasets/org/old/tree/main?a", old, now),
            "/api/datasets/new/name/tree/main?a");
  EXPECT_EQ(api_path_of("/api/datasets/org/old", old, now), "/api/datasets/new/name");
  EXPECT_EQ(api_path_of("/api/datasets/org/older/refs", old, now), "/api/datasets/org/older/refs");
  EXPECT_EQ(api_path_of("/api/models/org/old/refs", old, now), "/api/models/org/old/refs");
}

TEST(Urls, TellTheRepoARedirectLeadsTo) {
  const auto base = parsed("https://hub/p");
  const auto name_at = [&base](std::string_view text) {
    const auto place = place_of(parsed(text), base);
    return place ? place->repo.key() + (place->resolve_cache ? " cached" : "") : "none";
  };
  const std::string commit(40, 'b');
  EXPECT_EQ(name_at("https://hub/p/api/models/new/name/revision/main?x=1"), "model/new/name");
  EXPECT_EQ(name_at("https://hub/p/datasets/New/Name/resolve/main/f"), "dataset/New/Name");
  EXPECT_EQ(name_at("https://hub/p/api/models/new/name/auth-check"), "model/new/name");
  EXPECT_EQ(name_at("https://hub/p/api/resolve-cache/models/o/n/" + commit + "/f?e=1"),
            "model/o/n cached");
}

TEST(Urls, TellNoRepoForOtherPlaces) {
  const auto base = parsed("https://hub/p");
  for (const auto* text :
       {"https://hub/p/login", "https://hub/api/models/o/n", "https://hub/pp/api/models/o/n",
        "https://other/p/api/models/o/n", "https://hub:444/p/api/models/o/n",
        "http://hub/p/api/models/o/n", "https://hub/p/o/n/resolve/main/%2e%2e/f",
        "https://hub/p/api/models", "https://hub/p"}) {
    EXPECT_FALSE(place_of(parsed(text), base)) << text;
  }
}

}  // namespace
}  // namespace hubcache::hub
