#include "hubcache/store/block_map.h"

#include <random>

#include <gmock/gmock.h>

#include "support/sizes.h"

namespace hubcache::store {

std::ostream& operator<<(std::ostream& out, const ByteSpan& span) {
  return out << "[" << span.begin << ", " << span.end << ")";
}

namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(ByteSetTest, SpansThatTouchOrOverlapBecomeOne) {
  ByteSet set;
  set.add({10, 20});
  set.add({30, 40});
  set.add({20, 30});
  EXPECT_EQ(set.end_from(10), 40U);
  set.add({5, 12});
  EXPECT_EQ(set.end_from(5), 40U);
  EXPECT_EQ(set.end_from(40), 40U);
  EXPECT_TRUE(set.contains({5, 40}));
  EXPECT_FALSE(set.contains({4, 6}));
}

TEST(ByteSetTest, RemovingTakesBytesOutOfTheMiddle) {
  ByteSet set;
  set.add({0, 100});
  set.remove({40, 60});
  EXPECT_THAT(set.missing({0, 120}), ElementsAre(ByteSpan{40, 60}, ByteSpan{100, 120}));
  set.remove({0, 1'000});
  EXPECT_TRUE(set.empty());
}

TEST(BlockMapTest, AnEmptyBlobIsComplete) {
  const BlockMap map(0);
  EXPECT_TRUE(map.complete());
  EXPECT_EQ(map.block_count(), 0U);
  EXPECT_EQ(map.contiguous_end(0), 0U);
  EXPECT_THAT(map.missing({0, 10}), IsEmpty());
}

TEST(BlockMapTest, TheLastBlockMayBeShort) {
  BlockMap map(2 * kMiB + 5);
  EXPECT_EQ(map.block_count(), 3U);
  EXPECT_EQ(map.span_of(2), (ByteSpan{2 * kMiB, 2 * kMiB + 5}));
  EXPECT_THAT(map.mark({2 * kMiB, 2 * kMiB + 5}), ElementsAre(2));
  EXPECT_TRUE(map.has(2));
}

TEST(BlockMapTest, ABlockIsPresentOnceItsBytesAllAre) {
  BlockMap map(3 * kMiB);
  EXPECT_THAT(map.mark({kMiB, 2 * kMiB - 1}), IsEmpty());
  EXPECT_FALSE(map.has(1));
  EXPECT_EQ(map.contiguous_end(kMiB), 2 * kMiB - 1);
  EXPECT_THAT(map.mark({2 * kMiB - 1, 2 * kMiB + 1}), ElementsAre(1));
  EXPECT_TRUE(map.has(1));
  EXPECT_EQ(map.blocks_present(), 1U);
  EXPECT_EQ(map.contiguous_end(kMiB), 2 * kMiB + 1);
}

TEST(BlockMapTest, PartsOfABlockMayComeInAnyOrder) {
  BlockMap map(kMiB);
  EXPECT_THAT(map.mark({600, kMiB}), IsEmpty());
  EXPECT_THAT(map.mark({0, 300}), IsEmpty());
  EXPECT_THAT(map.missing({0, kMiB}), ElementsAre(ByteSpan{300, 600}));
  EXPECT_THAT(map.mark({200, 700}), ElementsAre(0));
  EXPECT_TRUE(map.complete());
}

TEST(BlockMapTest, OneMarkMayCompleteManyBlocksButReportsEachOnce) {
  BlockMap map(4 * kMiB);
  map.mark_block(1);
  EXPECT_THAT(map.mark({0, 4 * kMiB}), ElementsAre(0, 2, 3));
  EXPECT_THAT(map.mark({0, 4 * kMiB}), IsEmpty());
  EXPECT_EQ(map.blocks_present(), 4U);
}

TEST(BlockMapTest, MissingPartsAreJoinedAcrossBlocksAndCutToTheQuestion) {
  BlockMap map(200 * kMiB);
  map.mark_block(0);
  map.mark_block(130);
  map.mark({5 * kMiB, 5 * kMiB + 10});
  EXPECT_THAT(map.missing({100, 140 * kMiB}),
              ElementsAre(ByteSpan{kMiB, 5 * kMiB}, ByteSpan{5 * kMiB + 10, 130 * kMiB},
                          ByteSpan{131 * kMiB, 140 * kMiB}));
  EXPECT_EQ(map.first_missing({0, 2 * kMiB}), (ByteSpan{kMiB, 2 * kMiB}));
  EXPECT_EQ(map.first_missing({0, 10}), (ByteSpan{10, 10}));
}

TEST(BlockMapTest, ContiguousBytesRunOverManyBlocksAndEndInsideOne) {
  BlockMap map(300 * kMiB + 7);
  map.mark({0, 299 * kMiB + 3});
  EXPECT_EQ(map.contiguous_end(0), 299 * kMiB + 3);
  map.mark({299 * kMiB + 3, 300 * kMiB + 7});
  EXPECT_EQ(map.contiguous_end(5), 300 * kMiB + 7);
  EXPECT_TRUE(map.complete());
}

TEST(BlockMapTest, WhatLiesPastTheEndIsIgnored) {
  BlockMap map(kMiB + 1);
  EXPECT_THAT(map.mark({kMiB, 9 * kMiB}), ElementsAre(1));
  EXPECT_THAT(map.mark({5 * kMiB, 9 * kMiB}), IsEmpty());
  map.mark_block(77);
  EXPECT_EQ(map.blocks_present(), 1U);
  EXPECT_EQ(map.contiguous_end(9 * kMiB), 9 * kMiB);
}

TEST(BlockMapTest, AgreesWithAByteByByteModel) {
  constexpr std::uint64_t kSize = 3 * kMiB + 1'000;
  constexpr std::uint64_t kGrain = 1'000;  // the model counts in these, to be quick
  std::mt19937_64 random(7);
  for (int round = 0; round < 20; ++round) {
    BlockMap map(kSize);
    ByteSet model;
    for (int step = 0; step < 40; ++step) {
      const std::uint64_t begin = random() % (kSize / kGrain) * kGrain;
      const std::uint64_t end = std::min(kSize, begin + random() % 400 * kGrain);
      map.mark({begin, end});
      model.add({begin, end});
      const std::uint64_t from = random() % kSize;
      ASSERT_EQ(map.missing({from, kSize}), model.missing({from, kSize}));
      ASSERT_EQ(map.contiguous_end(from), model.end_from(from));
      ASSERT_EQ(map.complete(), model.contains({0, kSize}));
    }
  }
}

}  // namespace
}  // namespace hubcache::store
