#include "hubcache/app/fetch_list.h"

#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "hubcache/base/error.h"

namespace hubcache::app {
namespace {

using hub::RepoType;
using testing::HasSubstr;

std::string complaint_about(std::string_view text) {
  try {
    fetch_target(text);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), Error::Kind::kBadRequest);
    return error.what();
  }
  return "none";
}

TEST(FetchListTest, ARepoIsNamedWithItsTypeAndRevision) {
  const auto plain = fetch_target("org/name");
  EXPECT_EQ(plain.repo, (hub::RepoId{.type = RepoType::kModel, .name = "org/name"}));
  EXPECT_EQ(plain.revision, "main");
  EXPECT_EQ(fetch_target("gpt2").repo.name, "gpt2");
  EXPECT_EQ(fetch_target("org/name@refs/pr/1").revision, "refs/pr/1");
  for (const auto* const text :
       {"dataset:org/name@v1", "datasets:org/name@v1", "datasets/org/name@v1"}) {
    const auto target = fetch_target(text);
    EXPECT_EQ(target.repo, (hub::RepoId{.type = RepoType::kDataset, .name = "org/name"})) << text;
    EXPECT_EQ(target.text(), "datasets/org/name@v1");
  }
  EXPECT_EQ(fetch_target("spaces/org/name").repo.type, RepoType::kSpace);
  EXPECT_EQ(fetch_target("kernel:org/name").repo.type, RepoType::kKernel);
  EXPECT_EQ(fetch_target("models/org/name").repo.type, RepoType::kModel);
}

TEST(FetchListTest, WhatNamesNoRepoIsRefused) {
  for (const auto* const text :
       {"", "@main", "org/name@", "a/b/c", "org/../name", "org/na me", "org/name@a b",
        "https://huggingface.co/org/name", "buckets/org/x"}) {
    EXPECT_THAT(complaint_about(text), HasSubstr("names no repository")) << text;
  }
}

TEST(FetchListTest, AListHasCommentsAndEmptyLinesAndTellsWhereItIsWrong) {
  std::istringstream lines(
      "# what the team uses\n\n  org/name@v1  # pinned\r\ndataset:org/data\n\t\norg/x@a#b\n");
  std::vector<std::string> read;
  for (const auto& target : fetch_list(lines, "list")) read.push_back(target.text());
  EXPECT_THAT(read, testing::ElementsAre("org/name@v1", "datasets/org/data@main", "org/x@a#b"));

  std::istringstream wrong("org/name\n\norg//name\n");
  try {
    fetch_list(wrong, "team.txt");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), Error::Kind::kBadRequest);
    EXPECT_THAT(error.what(), HasSubstr("team.txt:3: \"org//name\""));
  }
}

TEST(FetchListTest, FilesAreMeantByGlobsOverTheWholePath) {
  EXPECT_TRUE(FileFilter({}, {}).takes("a/b.bin"));
  const FileFilter some({"*.safetensors", "data/"}, {"*-old*"});
  EXPECT_TRUE(some.takes("model.safetensors"));
  EXPECT_TRUE(some.takes("deep/er/model.safetensors"));
  EXPECT_TRUE(some.takes("data/x/y.csv"));
  EXPECT_FALSE(some.takes("mydata/y.csv"));
  EXPECT_FALSE(some.takes("model-old.safetensors"));
  EXPECT_FALSE(some.takes("config.json"));
  EXPECT_FALSE(FileFilter({}, {"*.bin"}).takes("a.bin"));
  EXPECT_THROW(FileFilter({"[a"}, {}), Error);
}

}  // namespace
}  // namespace hubcache::app
