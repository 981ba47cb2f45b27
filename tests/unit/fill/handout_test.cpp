#include "fill/handout.h"

#include <vector>

#include <gtest/gtest.h>

namespace hubcache::fill {
namespace {

using store::BlockMap;
using store::ByteSpan;
using store::kBlockSize;

ByteSpan blocks(std::uint64_t first, std::uint64_t end) {
  return {.begin = first * kBlockSize, .end = end * kBlockSize};
}

TEST(HandoutTest, AllBlocksButOneAreGivenWhateverTheOrder) {
  for (const auto& order : {std::vector<std::uint64_t>{0, 1, 2, 3}, {3, 2, 1, 0}, {3, 0, 2, 1}}) {
    Handout handout(4 * kBlockSize);
    for (std::size_t i = 0; i < 3; ++i) {
      const auto span = blocks(order[i], order[i] + 1);
      EXPECT_EQ(handout.give(span), span.end);
    }
    const auto last = blocks(order[3], order[3] + 1);
    EXPECT_EQ(handout.give(last), last.begin);
    EXPECT_EQ(handout.give(last), last.begin);
    EXPECT_FALSE(handout.gave(last.begin));
  }
}

TEST(HandoutTest, ASpanIsGivenUpToTheBlockThatWouldCompleteTheBlob) {
  Handout handout(4 * kBlockSize + 5);
  EXPECT_EQ(handout.give({.begin = 0, .end = 4 * kBlockSize + 5}), 4 * kBlockSize);
  Handout with_tail_given(4 * kBlockSize + 5);
  with_tail_given.give({.begin = 4 * kBlockSize, .end = 4 * kBlockSize + 5});
  EXPECT_EQ(with_tail_given.give({.begin = 0, .end = 4 * kBlockSize + 5}), 3 * kBlockSize);
}

TEST(HandoutTest, WhatWasGivenIsGivenAgain) {
  Handout handout(4 * kBlockSize);
  handout.give(blocks(0, 3));
  EXPECT_EQ(handout.give(blocks(0, 3)), 3 * kBlockSize);
  EXPECT_EQ(handout.give(blocks(1, 4)), 3 * kBlockSize);
}

TEST(HandoutTest, AnyByteOfABlockCountsAsTheBlock) {
  Handout handout(2 * kBlockSize);
  EXPECT_EQ(handout.give({.begin = 10, .end = 20}), 20);
  EXPECT_TRUE(handout.gave(0));
  EXPECT_EQ(handout.give({.begin = kBlockSize + 10, .end = kBlockSize + 20}), kBlockSize + 10);
}

TEST(HandoutTest, NothingIsGivenOfABlobOfOneBlock) {
  Handout handout(5);
  EXPECT_EQ(handout.give({.begin = 1, .end = 3}), 1);
}

TEST(HandoutTest, WhatAnEarlierRunLeftCountsAsGiven) {
  BlockMap left(3 * kBlockSize);
  left.mark_block(0);
  left.mark_block(2);
  Handout handout(3 * kBlockSize);
  handout.inherit(left);
  EXPECT_EQ(handout.give(blocks(2, 3)), 3 * kBlockSize);
  EXPECT_EQ(handout.give(blocks(1, 2)), kBlockSize);
}

TEST(HandoutTest, NothingIsGivenOfAnEarlierRunThatLeftAll) {
  BlockMap left(2 * kBlockSize);
  left.mark_block(0);
  left.mark_block(1);
  Handout handout(2 * kBlockSize);
  handout.inherit(left);
  EXPECT_EQ(handout.give(blocks(0, 1)), 0);
}

}  // namespace
}  // namespace hubcache::fill
