#include "hubcache/base/lru.h"

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

}  // namespace
}  // namespace hubcache
