#include "hubcache/fill/plan.h"

#include <algorithm>
#include <random>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace hubcache::fill {
namespace {

using store::BlockMap;
using store::ByteSpan;

constexpr std::uint64_t kMiB = store::kBlockSize;

ByteSpan span_of(const Run* run) {
  return run != nullptr ? ByteSpan{.begin = run->position, .end = run->end} : ByteSpan{};
}

ByteSpan mib(std::uint64_t begin, std::uint64_t end) {
  return {.begin = begin * kMiB, .end = end * kMiB};
}

/// The connection has fetched up to `position`.
void fetch(BlockMap& map, Run& run, std::uint64_t position) {
  map.mark({.begin = run.position, .end = position});
  run.position = position;
}

TEST(PlanTest, NothingIsFetchedThatNobodyWants) {
  Plan plan(10 * kMiB, {});
  const BlockMap map(10 * kMiB);
  EXPECT_TRUE(plan.satisfied(map));
  EXPECT_EQ(plan.next(map, {}), nullptr);
}

TEST(PlanTest, AClosedRangeIsRoundedToItsBlocks) {
  Plan plan(10 * kMiB + 5, {});
  const BlockMap map(10 * kMiB + 5);
  plan.want({.begin = 9 * kMiB + 3, .end = 10 * kMiB + 1});
  EXPECT_EQ(span_of(plan.next(map, {})), (ByteSpan{.begin = 9 * kMiB, .end = 10 * kMiB + 5}));
}

TEST(PlanTest, PresentBlocksAreLeftOut) {
  Plan plan(10 * kMiB, {});
  BlockMap map(10 * kMiB);
  map.mark_block(0);
  map.mark_block(5);
  plan.want_all(0);
  EXPECT_EQ(span_of(plan.next(map, {})), mib(1, 5));
}

TEST(PlanTest, ASmallBlobComesThroughOneConnection) {
  Plan plan(64 * kMiB, {});
  const BlockMap map(64 * kMiB);
  plan.want_all(0);
  plan.open_up();
  EXPECT_EQ(span_of(plan.next(map, {})), mib(0, 64));
  EXPECT_EQ(plan.next(map, {}), nullptr);
}

TEST(PlanTest, ALargeBlobIsSplitOnceUpstreamDelivers) {
  Plan plan(100 * kMiB, {.connections = 2});
  const BlockMap map(100 * kMiB);
  plan.want_all(0);
  EXPECT_EQ(span_of(plan.next(map, {})), mib(0, 32));
  EXPECT_EQ(plan.next(map, {}), nullptr);
  plan.open_up();
  EXPECT_EQ(span_of(plan.next(map, {})), mib(32, 64));
  EXPECT_EQ(plan.next(map, {}), nullptr);
}

TEST(PlanTest, NoSecondConnectionRunsAheadWhileTheHashIsBehind) {
  Plan plan(100 * kMiB, {});
  const BlockMap map(100 * kMiB);
  plan.want_all(0);
  plan.open_up();
  EXPECT_NE(plan.next(map, {}, true), nullptr);
  EXPECT_EQ(plan.next(map, {}, true), nullptr);
  EXPECT_NE(plan.next(map, {}, false), nullptr);
}

TEST(PlanTest, AReaderNearAheadOfARunWaitsForIt) {
  Plan plan(50 * kMiB, {});
  const BlockMap map(50 * kMiB);
  plan.want_all(0);
  plan.open_up();
  plan.next(map, {});
  const std::vector<std::uint64_t> waiting{3 * kMiB};
  EXPECT_EQ(plan.next(map, waiting), nullptr);
}

TEST(PlanTest, AReaderFarAheadTakesTheRestOfARun) {
  Plan plan(50 * kMiB, {});
  const BlockMap map(50 * kMiB);
  plan.want_all(0);
  plan.open_up();
  const auto* bulk = plan.next(map, {});
  const std::vector<std::uint64_t> waiting{20 * kMiB + 7};
  EXPECT_EQ(span_of(plan.next(map, waiting)), mib(20, 50));
  EXPECT_EQ(span_of(bulk), mib(0, 20));
}

TEST(PlanTest, ARunNobodyWaitsForYieldsWhenAllConnectionsAreTaken) {
  Plan plan(200 * kMiB, {.connections = 2});
  BlockMap map(200 * kMiB);
  plan.want_all(0);
  plan.open_up();
  auto* first = plan.next(map, {});
  const auto* second = plan.next(map, {});
  const std::vector<std::uint64_t> waiting{0, 150 * kMiB};
  EXPECT_FALSE(plan.should_yield(*first, map, waiting));
  EXPECT_TRUE(plan.should_yield(*second, map, waiting));
  plan.done(*second);
  EXPECT_EQ(span_of(plan.next(map, waiting)), mib(150, 182));
  fetch(map, *first, 2 * kMiB);
  EXPECT_FALSE(plan.should_yield(*first, map, {}));
}

TEST(PlanTest, AReaderFromTheMiddleIsServedBeforeTheStart) {
  Plan plan(10 * kMiB, {});
  BlockMap map(10 * kMiB);
  plan.want_all(6 * kMiB + 1);
  auto* run = plan.next(map, {});
  EXPECT_EQ(span_of(run), mib(6, 10));
  fetch(map, *run, 10 * kMiB);
  plan.done(*run);
  EXPECT_EQ(span_of(plan.next(map, {})), mib(0, 6));
}

TEST(PlanTest, RangesThatFollowEachOtherAreReadAhead) {
  Plan plan(100 * kMiB, {});
  BlockMap map(100 * kMiB);
  plan.want({.begin = 0, .end = 2 * kMiB});
  auto* run = plan.next(map, {});
  EXPECT_EQ(span_of(run), mib(0, 2));
  fetch(map, *run, 2 * kMiB);
  plan.done(*run);
  plan.want({.begin = 2 * kMiB, .end = 4 * kMiB});
  EXPECT_EQ(span_of(plan.next(map, {})), mib(2, 8));
}

TEST(PlanTest, AnUpstreamThatIgnoresRangesGetsOneRequestAtATime) {
  Plan plan(100 * kMiB, {});
  BlockMap map(100 * kMiB);
  plan.want_all(0);
  plan.open_up();
  auto* first = plan.next(map, {});
  auto* second = plan.next(map, {});
  plan.ignore_ranges(*second, 0);
  EXPECT_EQ(first->position, first->end);
  EXPECT_EQ(span_of(second), mib(0, 100));
  plan.done(*first);
  EXPECT_EQ(plan.next(map, {}), nullptr);
}

// Whatever readers, connections and breaks do, no byte is assigned twice and all are fetched.
TEST(PlanTest, EveryByteIsFetchedOnceWhateverHappens) {
  constexpr std::uint64_t kSize = 90 * kMiB + 12'345;
  std::mt19937 random(4);
  const auto below = [&](std::uint64_t limit) { return random() % limit; };
  for (int round = 0; round < 50; ++round) {
    Plan plan(kSize, {.connections = 3});
    BlockMap map(kSize);
    plan.want_all(below(kSize));
    plan.open_up();
    std::vector<fill::Run*> runs;
    std::uint64_t fetched = 0;
    while (!map.complete()) {
      const std::vector<std::uint64_t> waiting{below(kSize), below(kSize)};
      if (auto* run = plan.next(map, waiting)) runs.push_back(run);
      ASSERT_FALSE(runs.empty());
      auto*& run = runs[below(runs.size())];
      const std::uint64_t step =
          std::min<std::uint64_t>(1 + below(2 * kMiB), run->end - run->position);
      const ByteSpan piece{.begin = run->position, .end = run->position + step};
      const auto gap = map.first_missing(piece);
      ASSERT_EQ(gap.length(), step);
      fetched += step;
      fetch(map, *run, piece.end);
      if (run->position == run->end || below(20) == 0) {
        plan.done(*run);
        std::swap(run, runs.back());
        runs.pop_back();
      }
    }
    ASSERT_EQ(fetched, kSize);
  }
}

}  // namespace
}  // namespace hubcache::fill
