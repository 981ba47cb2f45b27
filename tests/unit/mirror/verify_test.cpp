#include "hubcache/mirror/verify.h"

#include "fixture.h"

namespace hubcache::mirror {
namespace {

using VerifyTest = MirrorTest;

TEST_F(VerifyTest, WhatIsRightStaysAndWhatIsNotGoes) {
  for (const auto* text : {"right", "false", "missing"}) put(text);
  damage("false");
  std::filesystem::remove(file_of("missing"));
  runner.run(verify(store, 0, run));
  EXPECT_EQ(run.done("verify.checked"), 3);
  EXPECT_EQ(run.done("verify.false"), 1);
  EXPECT_EQ(run.done("verify.missing"), 1);
  EXPECT_TRUE(is_stored("right"));
  EXPECT_FALSE(is_stored("false"));
  EXPECT_FALSE(is_stored("missing"));
}

TEST_F(VerifyTest, AnEmptyStoreHasNothingToCheck) {
  runner.run(verify(store, 0, run));
  EXPECT_EQ(run.done("verify.checked"), 0);
}

}  // namespace
}  // namespace hubcache::mirror
