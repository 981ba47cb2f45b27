#include "hubcache/hub/grammar.h"

#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "hubcache/base/error.h"
#include "hubcache/hub/urls.h"

#include "support/run.h"

namespace hubcache::hub {
namespace {

using Kind = Route::Kind;

FileRef file(RepoType type, std::string name, std::string revision, std::string path) {
  return {.repo = {.type = type, .name = std::move(name)},
          .revision = std::move(revision),
          .path = std::move(path)};
}

void expect_route(std::string_view below, Kind kind, const FileRef& expected) {
  const auto route = parse_route(below);
  EXPECT_EQ(route.kind, kind) << below;
  EXPECT_EQ(route.file.repo.key(), expected.repo.key()) << below;
  EXPECT_EQ(route.file.revision, expected.revision) << below;
  EXPECT_EQ(route.file.path, expected.path) << below;
}

void expect_refused(std::string_view below) {
  try {
    parse_route(below);
    ADD_FAILURE() << "not refused: " << below.substr(0, 100);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), Error::Kind::kBadRequest) << below.substr(0, 100);
    EXPECT_FALSE(std::string(error.what()).empty());
  }
}

TEST(Grammar, ReadsAFileOfAModel) {
  expect_route("org/name/resolve/main/config.json", Kind::kResolve,
               file(RepoType::kModel, "org/name", "main", "config.json"));
  expect_route("org/name/raw/main/a/b.txt", Kind::kRaw,
               file(RepoType::kModel, "org/name", "main", "a/b.txt"));
}

TEST(Grammar, ReadsOneSegmentRepos) {
  expect_route("gpt2/resolve/main/config.json", Kind::kResolve,
               file(RepoType::kModel, "gpt2", "main", "config.json"));
  expect_route("datasets/squad/resolve/main/a.parquet", Kind::kResolve,
               file(RepoType::kDataset, "squad", "main", "a.parquet"));
  expect_route("api/models/gpt2", Kind::kInfo, file(RepoType::kModel, "gpt2", "", ""));
  expect_route("api/models/gpt2/revision/main", Kind::kInfo,
               file(RepoType::kModel, "gpt2", "main", ""));
}

TEST(Grammar, TellsTheTypesByTheirPrefix) {
  expect_route("datasets/o/n/resolve/main/f", Kind::kResolve,
               file(RepoType::kDataset, "o/n", "main", "f"));
  expect_route("spaces/o/n/resolve/main/f", Kind::kResolve,
               file(RepoType::kSpace, "o/n", "main", "f"));
  expect_route("kernels/o/n/resolve/main/f", Kind::kResolve,
               file(RepoType::kKernel, "o/n", "main", "f"));
  expect_route("api/spaces/o/n/tree/main", Kind::kTree, file(RepoType::kSpace, "o/n", "main", ""));
}

TEST(Grammar, ReadsWhatGitAsksFor) {
  const auto repo = file(RepoType::kModel, "o/n", "", "");
  expect_route("o/n/info/refs", Kind::kGitRefs, repo);
  expect_route("o/n.git/info/refs", Kind::kGitRefs, repo);
  expect_route("o/n/git-upload-pack", Kind::kGitUploadPack, repo);
  expect_route("o/n.git/git-receive-pack", Kind::kGitReceivePack, repo);
  expect_route("o/n.git/info/lfs/objects/batch", Kind::kLfsBatch, repo);
  expect_route("gpt2/info/refs", Kind::kGitRefs, file(RepoType::kModel, "gpt2", "", ""));
  expect_route("o/info/info/refs", Kind::kGitRefs, file(RepoType::kModel, "o/info", "", ""));
  expect_route("spaces/o/n/git-upload-pack", Kind::kGitUploadPack,
               file(RepoType::kSpace, "o/n", "", ""));
  // A file of that name is one.
  expect_route("o/n/resolve/main/info/refs", Kind::kResolve,
               file(RepoType::kModel, "o/n", "main", "info/refs"));
  for (const auto* other : {"o/n/info/refs/", "o/n/info/lfs/locks", "o/n/HEAD", "o/n/x/info/refs",
                            "info/refs", "git-upload-pack", "datasets/git-upload-pack"}) {
    EXPECT_EQ(parse_route(other).kind, Kind::kUnknown) << other;
  }
  expect_refused("o/../info/refs");
  expect_refused("o/tree/info/refs");
}

TEST(Grammar, ReadsFilesThatAreAskedForByDigest) {
  const std::string hex(64, 'a');
  const auto lfs = "o/n.git/info/lfs/objects/" + hex + "/12";
  expect_route(lfs, Kind::kLfsObject, file(RepoType::kModel, "o/n", "", "sha256:" + hex + "/12"));
  EXPECT_EQ(parse_route(lfs).file.door, Door::kLfs);
  EXPECT_EQ(resolve_path(parse_route(lfs).file), "/" + lfs);
  EXPECT_EQ(lfs_object_of(parse_route(lfs).file)->size, 12U);
  const auto blob = "v2/o/n/blobs/sha256:" + hex;
  expect_route(blob, Kind::kRegistryBlob, file(RepoType::kModel, "o/n", "", "sha256:" + hex));
  EXPECT_EQ(parse_route(blob).file.door, Door::kRegistry);
  EXPECT_EQ(resolve_path(parse_route(blob).file), "/" + blob);
  expect_route("v2/o/n/manifests/Q4_K_M", Kind::kRegistryManifest,
               file(RepoType::kModel, "o/n", "Q4_K_M", ""));
  expect_route("v2/gpt2/manifests/latest", Kind::kRegistryManifest,
               file(RepoType::kModel, "gpt2", "latest", ""));
  for (const auto& other : std::vector<std::string>{
           "o/n.git/info/lfs/objects/" + hex, "o/n.git/info/lfs/objects/" + hex + "/012",
           "o/n.git/info/lfs/objects/" + hex + "/x", "o/n.git/info/lfs/objects/" + hex + "x/1",
           "v2/o/n/blobs/" + hex, "v2/o/n/blobs/gitsha1:" + std::string(40, 'a'),
           "v2/o/n/blobs/sha256:" + std::string(64, '*'), "v2", "v2/o/n", "v2/o/n/tags/list/x/y"}) {
    EXPECT_EQ(parse_route(other).kind, Kind::kUnknown) << other;
  }
}

TEST(Grammar, KeepsAnEncodedSlashInsideItsPart) {
  expect_route("o/n/resolve/refs%2Fpr%2F1/f", Kind::kResolve,
               file(RepoType::kModel, "o/n", "refs/pr/1", "f"));
  expect_route("o/n/resolve/feature%2Fx/dir/f", Kind::kResolve,
               file(RepoType::kModel, "o/n", "feature/x", "dir/f"));
  expect_route("api/models/o/n/tree/main/a%2Fb", Kind::kTree,
               file(RepoType::kModel, "o/n", "main", "a/b"));
}

TEST(Grammar, AcceptsPullRequestAndConvertRefsUnencoded) {
  expect_route("o/n/resolve/refs/pr/12/dir/f", Kind::kResolve,
               file(RepoType::kModel, "o/n", "refs/pr/12", "dir/f"));
  expect_route("api/datasets/o/n/revision/refs/convert/parquet", Kind::kInfo,
               file(RepoType::kDataset, "o/n", "refs/convert/parquet", ""));
  expect_route("api/datasets/o/n/tree/refs/convert/parquet/a/b", Kind::kTree,
               file(RepoType::kDataset, "o/n", "refs/convert/parquet", "a/b"));
  expect_route("o/n/resolve/refs/heads/f", Kind::kResolve,
               file(RepoType::kModel, "o/n", "refs", "heads/f"));
}

TEST(Grammar, RefusesARefThatUpstreamWouldReadAsAnother) {
  for (const auto* other :
       {"o/n/resolve/refs/pr%2F1/f", "o/n/resolve/%72efs/pr/1/f", "o/n/resolve/refs/p%72/1/f",
        "o/n/resolve/refs/convert%2Fparquet/f", "api/models/o/n/tree/refs/pr%2F1"}) {
    expect_refused(other);
  }
  expect_route("o/n/resolve/refs/pr%2Fx/f", Kind::kResolve,
               file(RepoType::kModel, "o/n", "refs", "pr/x/f"));
}

TEST(Grammar, DecodesNamesOfFiles) {
  expect_route("o/n/resolve/main/a%20b%23%25%3F.txt", Kind::kResolve,
               file(RepoType::kModel, "o/n", "main", "a b#%?.txt"));
  expect_route("o/n/resolve/main/plain name+\xC3\xA9.txt", Kind::kResolve,
               file(RepoType::kModel, "o/n", "main", "plain name+\xC3\xA9.txt"));
}

TEST(Grammar, FindsTheFirstMarkerOnly) {
  expect_route("o/n/resolve/main/resolve/raw/f", Kind::kResolve,
               file(RepoType::kModel, "o/n", "main", "resolve/raw/f"));
  expect_refused("gpt2/resolve/resolve/main/f");
  expect_refused("gpt2/resolve/%72esolve/f");
}

TEST(Grammar, ReadsResolveCacheAsTheFileItIs) {
  const std::string commit(40, 'a');
  expect_route("api/resolve-cache/models/o/n/" + commit + "/dir/f", Kind::kResolve,
               file(RepoType::kModel, "o/n", commit, "dir/f"));
  expect_route("api/resolve-cache/datasets/n/" + commit + "/f", Kind::kResolve,
               file(RepoType::kDataset, "n", commit, "f"));
  EXPECT_EQ(parse_route("api/resolve-cache/models/o/n/main/f").kind, Kind::kUnknown);
}

TEST(Grammar, TellsWhatIsAskedOfARepo) {
  const auto repo = file(RepoType::kModel, "o/n", "", "");
  const auto at_main = file(RepoType::kModel, "o/n", "main", "");
  expect_route("api/models/o/n/refs", Kind::kRefs, repo);
  expect_route("api/models/gpt2/auth-check", Kind::kAuthCheck,
               file(RepoType::kModel, "gpt2", "", ""));
  expect_route("api/models/o/n/paths-info/main", Kind::kPathsInfo, at_main);
  expect_route("api/models/o/n/commits/main", Kind::kCommits, at_main);
  expect_route("api/models/o/n/xet-read-token/main", Kind::kXetReadToken, at_main);
  expect_route("api/datasets/o/n/commits/refs%2Fconvert%2Fparquet", Kind::kCommits,
               file(RepoType::kDataset, "o/n", "refs/convert/parquet", ""));
}

TEST(Grammar, ReadsTheRepoOfOtherApiRoutes) {
  expect_route("api/models/gpt2/tree", Kind::kApiOther, file(RepoType::kModel, "gpt2", "", ""));
  expect_route("api/models/gpt2/discussions", Kind::kApiOther,
               file(RepoType::kModel, "gpt2", "", ""));
  expect_route("api/datasets/o/n/croissant", Kind::kApiOther,
               file(RepoType::kDataset, "o/n", "", ""));
  EXPECT_EQ(parse_route("api/spaces/semantic-search").kind, Kind::kApiOther);
  EXPECT_EQ(parse_route("api/models").kind, Kind::kApiOther);
  EXPECT_EQ(parse_route("api/whoami-v2").kind, Kind::kWhoami);
  EXPECT_EQ(parse_route("api").kind, Kind::kApiOther);
}

TEST(Grammar, SecurityRule3KnowsWhatReadersHaveNoBusinessWith) {
  for (const std::string word : {"jwt", "xet-write-token", "user-access-request", "settings",
                                 "variables", "secrets", "%6awt"}) {
    for (const std::string rest : {"", "/main", "/a/b"}) {
      EXPECT_EQ(parse_route("api/models/o/n/" + word + rest).kind, Kind::kNotForReaders) << word;
    }
  }
  EXPECT_EQ(parse_route("api/spaces/one/jwt").kind, Kind::kNotForReaders);
  expect_refused("api/spaces/one/%6awt");
  for (const std::string word : {"settings", "xet-write-token", "xet%2dwrite-token"}) {
    for (const std::string rest : {"", "/main"}) {
      EXPECT_EQ(parse_route("api/buckets/o/b/" + word + rest).kind, Kind::kNotForReaders) << word;
    }
  }
  EXPECT_EQ(parse_route("api/%62uckets/o/b/xet-write-token").kind, Kind::kNotForReaders);
  EXPECT_EQ(parse_route("api/%6dodels/o/n/jwt").kind, Kind::kNotForReaders);
}

TEST(Grammar, PassesNothingOnThatWouldNameTheHubsOwnXetStore) {
  for (const auto* below : {"api/buckets/o/b/xet-read-token", "api/buckets/o/b/xet-read-token/main",
                            "api/%62uckets/o/b/%78et-read-token", "api/models/o/n/xet-read-token",
                            "api/models/o/n/xet-read-token/main/more"}) {
    EXPECT_EQ(parse_route(below).kind, Kind::kUnknown) << below;
  }
  EXPECT_EQ(parse_route("api/%6dodels/o/n/xet-read-token/main").kind, Kind::kXetReadToken);
}

TEST(Grammar, BuildsApiPathsAnew) {
  EXPECT_EQ(parse_route("api/models/o/n/tree/main/a%2Fb%20c").api_path,
            "/api/models/o/n/tree/main/a%2Fb%20c");
  EXPECT_EQ(parse_route("api/organizations/o+x/overview").api_path,
            "/api/organizations/o%2Bx/overview");
  EXPECT_EQ(parse_route("api/models/o/n/").api_path, "/api/models/o/n");
}

TEST(Grammar, ReadsAFileOfABucket) {
  expect_route("buckets/o/b/resolve/dir/f%20x", Kind::kBucketFile,
               file(RepoType::kBucket, "o/b", "", "dir/f x"));
  EXPECT_EQ(parse_route("buckets/o/b/tree/f").kind, Kind::kUnknown);
  for (const auto* below : {"api/buckets/o", "api/buckets/o/b", "api/buckets/o/b/tree/dir",
                            "api/buckets/o/b/tree/settings"}) {
    EXPECT_EQ(parse_route(below).kind, Kind::kApiOther) << below;
  }
}

TEST(Grammar, ToleratesASlashAtTheEndOfAnApiPathOnly) {
  expect_route("api/models/o/n/", Kind::kInfo, file(RepoType::kModel, "o/n", "", ""));
  expect_route("api/models/o/n/tree/main/", Kind::kTree, file(RepoType::kModel, "o/n", "main", ""));
  expect_refused("o/n/resolve/main/dir/");
}

TEST(Grammar, KnowsNothingElse) {
  for (const auto* below : {"", "o", "o/n", "o/n/blob/main/f", "a/b/c/resolve/main/f",
                            "o/n/resolve", "o/n/resolve/main", "o/n/resolve/refs/pr/1",
                            "buckets/o/resolve/f", "datasets", "datasets/o/n", "robots.txt"}) {
    EXPECT_EQ(parse_route(below).kind, Kind::kUnknown) << below;
  }
}

TEST(Grammar, RefusesDotSegmentsHoweverTheyAreSpelled) {
  for (const auto* below :
       {"o/n/resolve/main/../f", "o/n/resolve/main/%2e%2e/f", "o/n/resolve/main/.%2E/f",
        "o/n/resolve/main/a%2F..%2Fb", "o/n/resolve/..%2F..%2Fx/f", "o/n/resolve/main/./f",
        "../n/resolve/main/f", "%2e%2e/n/resolve/main/f", "api/models/o/n/tree/main/..",
        "api/../secret", "..", ".", "o/n/resolve/main/a%5C..%5Cb", "o/n/resolve/main/..\\b"}) {
    expect_refused(below);
  }
}

TEST(Grammar, RefusesEmptySegments) {
  for (const auto* below : {"/", "//", "o//n/resolve/main/f", "o/n/resolve//f",
                            "o/n/resolve/main//f", "/o/n/resolve/main/f", "o/n/resolve/main/%2Fetc",
                            "o/n/resolve/main/a%2F%2Fb", "api//models"}) {
    expect_refused(below);
  }
}

TEST(Grammar, RefusesBadEscapesAndControlCharacters) {
  for (const auto* below :
       {"o/n/resolve/main/%00", "o/n/resolve/main/a%00b", "o/n/resolve/main/%",
        "o/n/resolve/main/%4", "o/n/resolve/main/%zz", "%gg", "api/%", "o/n/resolve/main/a%0Ab",
        "o/n/resolve/a%7Fb/f", "o/n/resolve/main/a\x01z", "o/n/resolve/a\x7fz/f"}) {
    expect_refused(below);
  }
  expect_refused(std::string("o/n/resolve/main/a\0b", 20));
}

TEST(Grammar, RefusesNamesNoRepoCanHave) {
  const std::string longest(96, 'n');
  EXPECT_EQ(parse_route("o/" + longest + "/resolve/main/f").kind, Kind::kResolve);
  expect_refused("o/" + longest + "n/resolve/main/f");
  for (const auto* below :
       {"o/n%20m/resolve/main/f", "o/n:x/resolve/main/f", "o%2Fn/resolve/main/f",
        "%64atasets/n/resolve/main/f", "o/%72esolve/resolve/main/f", "api/models/o/n@x",
        "datasets/api/n/resolve/main/f"}) {
    expect_refused(below);
  }
}

TEST(Grammar, SurvivesLongPaths) {
  constexpr std::size_t kLong = 64UL * 1024;
  std::string segments = "o/n/resolve/main";
  while (segments.size() < kLong) segments += "/a";
  EXPECT_EQ(parse_route(segments).kind, Kind::kResolve);
  EXPECT_EQ(parse_route("o/n/resolve/main/" + std::string(kLong, 'a')).kind, Kind::kResolve);
  expect_refused(std::string(kLong, '/'));
  expect_refused(std::string(kLong, '%'));
  expect_refused(std::string(kLong, 'a') + "/n/resolve/main/f");
}

TEST(Grammar, SurvivesAnythingAndBuildsWhatItRead) {
  const std::vector<std::string> words{
      "api",      "models", "datasets", "spaces",     "resolve",       "raw",           "tree",
      "revision", "refs",   "pr",       "1",          "convert",       "main",          "o",
      "n",        "..",     ".",        "%2F",        "%2e",           "a%20b",         "%",
      "%00",      "\\",     "",         "auth-check", "resolve-cache", "refs%2Fpr%2F1", "a%2Fb",
      "\xFF",     "%25",    "+",        "~"};
  std::mt19937 random(7);  // NOLINT: the same paths on every run
  std::size_t read = 0;
  for (int i = 0; i < 50'000; ++i) {
    std::string below = words[random() % words.size()];
    for (auto count = random() % 8; count != 0; --count) {
      below += '/';
      below += words[random() % words.size()];
    }
    Route route;
    try {
      route = parse_route(below);
    } catch (const Error& error) {
      ASSERT_EQ(error.kind(), Error::Kind::kBadRequest);
      continue;
    }
    std::string built;
    if (route.kind == Kind::kResolve) built = resolve_path(route.file);
    if (route.kind == Kind::kInfo) built = info_path(route.file);
    if (route.kind == Kind::kTree) built = tree_path(route.file);
    if (built.empty()) continue;
    ++read;
    const auto again = parse_route(std::string_view(built).substr(1));
    ASSERT_EQ(again.kind, route.kind) << below << " became " << built;
    ASSERT_EQ(again.file, route.file) << below << " became " << built;
  }
  EXPECT_GT(read, 100U);
}

}  // namespace
}  // namespace hubcache::hub
