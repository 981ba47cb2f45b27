#include "hubcache/content/learned.h"

#include <gtest/gtest.h>

namespace hubcache::content {
namespace {

using Kind = hub::Route::Kind;
using Told = std::vector<std::pair<std::string, std::string>>;

hub::Route asked(Kind kind, std::string revision = {}) {
  return {.kind = kind, .file = {.revision = std::move(revision)}};
}

TEST(LearnedTest, AnInfoDocumentTellsItsOwnRevision) {
  const std::string body = R"({"a":{"sha":"no"},"list":[{"sha":"no"}],"sha":"yes","b":1})";
  EXPECT_EQ(commits_told(asked(Kind::kInfo), body), (Told{{"main", "yes"}}));
  EXPECT_EQ(commits_told(asked(Kind::kInfo, "v1"), body), (Told{{"v1", "yes"}}));
}

TEST(LearnedTest, RefsTellEveryName) {
  const std::string body = R"({"branches":[{"name":"main","ref":"refs/heads/main",
    "targetCommit":"c1"}],"tags":[{"name":"v1","ref":"refs/tags/v1","targetCommit":"c2"}],
    "converts":[{"name":"parquet","ref":"refs/convert/parquet","targetCommit":"c3"},7]})";
  EXPECT_EQ(commits_told(asked(Kind::kRefs), body),
            (Told{{"v1", "c2"}, {"main", "c1"}, {"refs/convert/parquet", "c3"}}));
  EXPECT_TRUE(commits_told(asked(Kind::kRefs), "[]").empty());
}

TEST(LearnedTest, ADocumentAtACommitConfirmsTheCommit) {
  const std::string commit(40, 'a');
  EXPECT_EQ(commits_told(asked(Kind::kTree, commit), "[]"), (Told{{commit, commit}}));
  EXPECT_TRUE(commits_told(asked(Kind::kTree, "main"), "[]").empty());
}

}  // namespace
}  // namespace hubcache::content
