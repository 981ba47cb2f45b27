#include "hubcache/base/glob.h"

#include <string>

#include <gtest/gtest.h>

namespace hubcache {
namespace {

TEST(Glob, ANameWithoutWildcardsMatchesItselfOnly) {
  EXPECT_TRUE(matches_glob("org/name", "org/name"));
  EXPECT_FALSE(matches_glob("org/name", "org/names"));
  EXPECT_FALSE(matches_glob("org/name", "my-org/name"));
  EXPECT_FALSE(matches_glob("a.b", "axb"));
}

TEST(Glob, AStarStandsForAnythingSlashesToo) {
  EXPECT_TRUE(matches_glob("*", ""));
  EXPECT_TRUE(matches_glob("*", "gpt2"));
  EXPECT_TRUE(matches_glob("*.bin", "a/b/c.bin"));
  EXPECT_TRUE(matches_glob("org/*", "org/name"));
  EXPECT_FALSE(matches_glob("org/*", "organ/name"));
  EXPECT_TRUE(matches_glob("*a*b*", "xxaxxabxx"));
  EXPECT_FALSE(matches_glob("*a*b*c", "xxaxxabxx"));
  EXPECT_TRUE(matches_glob("**", "x"));
}

TEST(Glob, OneCharacterByQuestionMarkOrSet) {
  EXPECT_TRUE(matches_glob("model-?.bin", "model-1.bin"));
  EXPECT_FALSE(matches_glob("model-?.bin", "model-.bin"));
  EXPECT_TRUE(matches_glob("v[0-9a]", "v7"));
  EXPECT_TRUE(matches_glob("v[0-9a]", "va"));
  EXPECT_FALSE(matches_glob("v[0-9a]", "vb"));
  EXPECT_TRUE(matches_glob("v[!0-9]", "vb"));
  EXPECT_FALSE(matches_glob("v[!0-9]", "v7"));
  EXPECT_TRUE(matches_glob("[]x-]", "]"));
  EXPECT_TRUE(matches_glob("[]x-]", "-"));
  EXPECT_TRUE(matches_glob("*[!.]", "name"));
}

TEST(Glob, CaseCountsUnlessItIsSaidNotTo) {
  EXPECT_FALSE(matches_glob("*.bin", "MODEL.BIN"));
  EXPECT_TRUE(matches_glob_of_any_case("*.bin", "MODEL.BIN"));
  EXPECT_TRUE(matches_glob_of_any_case("Org/[A-C]*", "org/Bert"));
}

// With backtracking into every star this would not end.
TEST(Glob, ManyStarsEndInTime) {
  std::string pattern;
  for (int i = 0; i < 64; ++i) pattern += "a*";
  EXPECT_FALSE(matches_glob(pattern + "b", std::string(4096, 'a')));
}

TEST(Glob, WhatCannotMatchIsComplainedOf) {
  EXPECT_EQ(complaint_of_glob("org/*[!x]?"), std::nullopt);
  EXPECT_EQ(complaint_of_glob("[]]"), std::nullopt);
  EXPECT_EQ(complaint_of_glob(""), "is empty");
  EXPECT_NE(complaint_of_glob("[a-z"), std::nullopt);
  EXPECT_NE(complaint_of_glob("a[]"), std::nullopt);
  EXPECT_NE(complaint_of_glob("/x"), std::nullopt);
  EXPECT_NE(complaint_of_glob("x/"), std::nullopt);
}

}  // namespace
}  // namespace hubcache
