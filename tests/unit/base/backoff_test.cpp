#include "hubcache/base/backoff.h"

#include <set>

#include <gtest/gtest.h>

namespace hubcache {
namespace {

using namespace std::chrono_literals;

constexpr Backoff kBackoff{.first = 100ms, .most = 2s};
constexpr int kForever = 1'000'000;

TEST(BackoffTest, EachWaitIsTwiceAsLongAsTheOneBeforeUpToTheMost) {
  auto expected = kBackoff.first;
  for (int failures = 1; failures <= 5; ++failures) {
    EXPECT_EQ(kBackoff.wait(failures, std::byte{0}), expected) << failures;
    expected *= 2;
  }
  EXPECT_EQ(kBackoff.wait(6, std::byte{0}), 2s);
  EXPECT_EQ(kBackoff.wait(kForever, std::byte{0}), 2s);
}

TEST(BackoffTest, ChanceLeavesOutAHalfAtMost) {
  for (const int failures : {1, 2, 5, 6, kForever}) {
    const auto whole = kBackoff.wait(failures, std::byte{0});
    auto before = whole;
    for (int chance = 1; chance <= 255; ++chance) {
      const auto wait = kBackoff.wait(failures, static_cast<std::byte>(chance));
      EXPECT_LE(wait, before);
      before = wait;
    }
    EXPECT_EQ(before, whole / 2);
  }
}

TEST(BackoffTest, ThoseThatFailedAtOnceDoNotComeBackAtOnce) {
  std::set<std::chrono::milliseconds> waits;
  for (int i = 0; i < 100; ++i) {
    const auto wait = kBackoff.wait(3);
    EXPECT_GE(wait, 200ms);
    EXPECT_LE(wait, 400ms);
    waits.insert(wait);
  }
  EXPECT_GT(waits.size(), 1U);
}

TEST(BackoffTest, AWaitTooShortToHalveIsWhole) {
  EXPECT_EQ((Backoff{.first = 1ms, .most = 1ms}).wait(4, std::byte{255}), 1ms);
}

}  // namespace
}  // namespace hubcache
