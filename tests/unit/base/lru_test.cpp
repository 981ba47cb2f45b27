#include "hubcache/base/lru.h"

#include <string>

#include <gtest/gtest.h>

namespace hubcache {
namespace {

TEST(LruTest, WhatWasNotUsedLongestIsForgotten) {
  Lru<int> lru(2);
  lru.put("a", 1);
  lru.put("b", 2);
  ASSERT_NE(lru.find("a"), nullptr);
  lru.put("c", 3);
  EXPECT_EQ(lru.find("b"), nullptr);
  EXPECT_EQ(*lru.find("a"), 1);
  EXPECT_EQ(*lru.find("c"), 3);
  EXPECT_EQ(lru.size(), 2U);
}

TEST(LruTest, PuttingAgainReplacesAndCountsAsUse) {
  Lru<int> lru(2);
  lru.put("a", 1);
  lru.put("b", 2);
  lru.put("a", 4);
  lru.put("c", 3);
  EXPECT_EQ(*lru.find("a"), 4);
  EXPECT_EQ(lru.find("b"), nullptr);
}

TEST(LruTest, AnErasedValueIsGoneAndItsRoomIsFree) {
  Lru<int> lru(2);
  lru.put("a", 1);
  lru.put("b", 2);
  lru.erase("a");
  lru.erase("unknown");
  lru.put("c", 3);
  EXPECT_EQ(lru.find("a"), nullptr);
  EXPECT_EQ(*lru.find("b"), 2);
  EXPECT_EQ(*lru.find("c"), 3);
}

TEST(LruTest, ALongKeyTakesThePlaceOfSeveral) {
  constexpr auto kUsual = Lru<int>::kUsualKey;
  Lru<int> lru(3);
  lru.put("a", 1);
  lru.put(std::string(kUsual, 'b'), 2);
  lru.put("c", 3);
  EXPECT_EQ(lru.size(), 3U);
  const std::string longer(kUsual + 1, 'd');
  lru.put(longer, 4);
  EXPECT_EQ(lru.size(), 2U);
  EXPECT_NE(lru.find("c"), nullptr);
  lru.erase(longer);
  lru.put("e", 5);
  lru.put("f", 6);
  EXPECT_EQ(lru.size(), 3U);
}

TEST(LruTest, WhatIsTooLongForAllOfItIsThereAlone) {
  Lru<int> lru(2);
  lru.put("a", 1);
  lru.put(std::string(10 * Lru<int>::kUsualKey, 'b'), 2);
  EXPECT_EQ(lru.size(), 1U);
  lru.put("c", 3);
  EXPECT_EQ(lru.size(), 1U);
  EXPECT_NE(lru.find("c"), nullptr);
}

}  // namespace
}  // namespace hubcache
