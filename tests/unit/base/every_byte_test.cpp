#include "hubcache/base/every_byte.h"

#include <string>

#include <gtest/gtest.h>

namespace hubcache {
namespace {

constexpr std::size_t kLongest = 70;  // several times what is looked at at once

bool is_good(char c) { return c != 'x'; }

TEST(EveryByteTest, ATextOfGoodOnesIsGoodWhateverItsLength) {
  for (std::size_t size = 0; size <= kLongest; ++size) {
    EXPECT_TRUE(is_every_byte(std::string(size, 'a'), is_good)) << size;
  }
}

TEST(EveryByteTest, ABadOneIsSeenAtEachPlaceOfEachLength) {
  for (std::size_t size = 1; size <= kLongest; ++size) {
    for (std::size_t at = 0; at < size; ++at) {
      std::string text(size, 'a');
      text[at] = 'x';
      EXPECT_FALSE(is_every_byte(text, is_good)) << at << " of " << size;
    }
  }
}

TEST(EveryByteTest, WhatIsBehindTheTextIsNotLookedAt) {
  const std::string text = std::string(kLongest, 'a') + std::string(kLongest, 'x');
  for (std::size_t size = 0; size <= kLongest; ++size) {
    EXPECT_TRUE(is_every_byte(std::string_view(text).substr(kLongest - size, size), is_good));
  }
}

}  // namespace
}  // namespace hubcache
