#include "hubcache/fill/plan.h"

#include <algorithm>
#include <random>
#include <span>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/sizes.h"

namespace hubcache::fill {
namespace {

using store::BlockMap;
using store::ByteSpan;

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

Run* next(Plan& plan, const BlockMap& map, std::span<const std::uint64_t> waiting,
          std::size_t places = 1, bool hold_back = false) {
  return plan.next(map, waiting, places, hold_back);
}

/// As if requests had grown already.
Plan::Options large_requests() {
  constexpr std::uint64_t kLarge = 1024 * kMiB;
  return {.segment = kLarge, .first = kLarge};
}

TEST(PlanTest, NothingIsFetchedThatNobodyWants) {
  Plan plan(10 * kMiB, {});
  const BlockMap map(10 * kMiB);
  EXPECT_TRUE(plan.satisfied(map));
  EXPECT_EQ(next(plan, map, {}), nullptr);
}

TEST(PlanTest, AClosedRangeIsRoundedToItsBlocks) {
  Plan plan(10 * kMiB + 5, {});
  const BlockMap map(10 * kMiB + 5);
  plan.want({.begin = 9 * kMiB + 3, .end = 10 * kMiB + 1});
  EXPECT_EQ(span_of(next(plan, map, {})), (ByteSpan{.begin = 9 * kMiB, .end = 10 * kMiB + 5}));
}

TEST(PlanTest, PresentBlocksAreLeftOut) {
  Plan plan(10 * kMiB, {});
  BlockMap map(10 * kMiB);
  map.mark_block(0);
  map.mark_block(5);
  plan.want_all(0);
  EXPECT_EQ(span_of(next(plan, map, {})), mib(1, 5));
}

TEST(PlanTest, ASmallBlobComesThroughOneConnection) {
  Plan plan(64 * kMiB, large_requests());
  const BlockMap map(64 * kMiB);
  plan.want_all(0);
  plan.open_up();
  EXPECT_EQ(span_of(next(plan, map, {})), mib(0, 64));
  EXPECT_EQ(next(plan, map, {}), nullptr);
}

TEST(PlanTest, RequestsGrowWithWhatHasCome) {
  Plan plan(121 * kMiB, {.connections = 1});
  BlockMap map(121 * kMiB);
  plan.want_all(0);
  std::vector<ByteSpan> spans;
  while (auto* run = next(plan, map, {})) {
    spans.push_back(span_of(run));
    fetch(map, *run, run->end);
    plan.done(*run);
  }
  // What is left of the last is less than a block of its own.
  EXPECT_THAT(spans, testing::ElementsAre(mib(0, 4), mib(4, 8), mib(8, 16), mib(16, 32),
                                          mib(32, 64), mib(64, 96), mib(96, 121)));
  Plan small(5 * kMiB, {});
  small.want_all(0);
  EXPECT_EQ(span_of(next(small, BlockMap(5 * kMiB), {})), mib(0, 5));
}

TEST(PlanTest, ASmallBlobThatIsReadInOnePlaceIsOneRequest) {
  Plan plan(20 * kMiB, {});
  const BlockMap map(20 * kMiB);
  plan.want_all(0);
  EXPECT_EQ(span_of(next(plan, map, {}, 1)), mib(0, 20));
  Plan shared(20 * kMiB, {});
  shared.want_all(0);
  EXPECT_EQ(span_of(next(shared, map, {}, 2)), mib(0, 4));
}

TEST(PlanTest, RequestsAreSmallWhileThereAreMorePlacesThanConnections) {
  Plan plan(200 * kMiB, {.connections = 2});
  const BlockMap map(200 * kMiB);
  plan.want({.begin = 0, .end = 50 * kMiB});
  plan.want({.begin = 50 * kMiB, .end = 100 * kMiB});
  plan.want({.begin = 100 * kMiB, .end = 150 * kMiB});
  plan.open_up();
  const std::vector<std::uint64_t> two{0, 50 * kMiB};
  EXPECT_EQ(span_of(next(plan, map, two, 2)), mib(0, 4));
  const std::vector<std::uint64_t> three{0, 50 * kMiB, 100 * kMiB};
  EXPECT_EQ(span_of(next(plan, map, three, 3)), mib(50, 52));
}

TEST(PlanTest, ALargeBlobIsSplitOnceUpstreamDelivers) {
  Plan plan(100 * kMiB, {.connections = 2, .first = 32 * kMiB});
  const BlockMap map(100 * kMiB);
  plan.want_all(0);
  EXPECT_EQ(span_of(next(plan, map, {})), mib(0, 32));
  EXPECT_EQ(next(plan, map, {}), nullptr);
  plan.open_up();
  EXPECT_EQ(span_of(next(plan, map, {})), mib(32, 64));
  EXPECT_EQ(next(plan, map, {}), nullptr);
}

TEST(PlanTest, NoSecondConnectionRunsAheadWhileTheHashIsBehind) {
  Plan plan(100 * kMiB, {});
  const BlockMap map(100 * kMiB);
  plan.want_all(0);
  plan.open_up();
  EXPECT_NE(next(plan, map, {}, 1, true), nullptr);
  EXPECT_EQ(next(plan, map, {}, 1, true), nullptr);
  EXPECT_NE(next(plan, map, {}, 1, false), nullptr);
}

TEST(PlanTest, AReaderNearAheadOfARunWaitsForIt) {
  Plan plan(50 * kMiB, {});
  const BlockMap map(50 * kMiB);
  plan.want_all(0);
  plan.open_up();
  next(plan, map, {});
  const std::vector<std::uint64_t> waiting{3 * kMiB};
  EXPECT_EQ(next(plan, map, waiting), nullptr);
}

TEST(PlanTest, AReaderFarAheadTakesTheRestOfARun) {
  Plan plan(50 * kMiB, large_requests());
  const BlockMap map(50 * kMiB);
  plan.want_all(0);
  plan.open_up();
  const auto* bulk = next(plan, map, {});
  const std::vector<std::uint64_t> waiting{20 * kMiB + 7};
  EXPECT_EQ(span_of(next(plan, map, waiting)), mib(20, 50));
  EXPECT_EQ(span_of(bulk), mib(0, 20));
}

TEST(PlanTest, ARunNobodyWaitsForYieldsWhenAllConnectionsAreTaken) {
  Plan plan(200 * kMiB, {.connections = 2, .first = 32 * kMiB});
  BlockMap map(200 * kMiB);
  plan.want_all(0);
  plan.open_up();
  auto* first = next(plan, map, {});
  auto* second = next(plan, map, {});
  const std::vector<std::uint64_t> waiting{0, 150 * kMiB};
  EXPECT_FALSE(plan.should_yield(*first, map, waiting));
  EXPECT_TRUE(plan.should_yield(*second, map, waiting));
  second->position = second->end - 4 * kMiB;
  EXPECT_FALSE(plan.should_yield(*second, map, waiting));  // it is over soon
  plan.done(*second);
  EXPECT_EQ(span_of(next(plan, map, waiting)), mib(150, 182));
  fetch(map, *first, 2 * kMiB);
  EXPECT_FALSE(plan.should_yield(*first, map, {}));
}

TEST(PlanTest, AReaderFromTheMiddleIsServedBeforeTheStart) {
  Plan plan(10 * kMiB, large_requests());
  BlockMap map(10 * kMiB);
  plan.want_all(6 * kMiB + 1);
  auto* run = next(plan, map, {});
  EXPECT_EQ(span_of(run), mib(6, 10));
  fetch(map, *run, 10 * kMiB);
  plan.done(*run);
  EXPECT_EQ(span_of(next(plan, map, {})), mib(0, 6));
}

/// What is fetched for the second of two closed ranges, when the first is there.
ByteSpan fetched_for_second(ByteSpan first, ByteSpan second) {
  Plan plan(100 * kMiB, large_requests());
  BlockMap map(100 * kMiB);
  plan.want(first);
  auto* run = next(plan, map, {});
  fetch(map, *run, run->end);
  plan.done(*run);
  plan.want(second);
  return span_of(next(plan, map, {}));
}

TEST(PlanTest, SecurityRule19RangesThatFollowEachOtherAreReadAhead) {
  EXPECT_EQ(fetched_for_second(mib(0, 2), mib(2, 4)), mib(2, 8));
  // A downloader may leave out what it has.
  const auto near = fetched_for_second(mib(0, 2), {.begin = 3 * kMiB - 1, .end = 4 * kMiB});
  EXPECT_EQ(near, mib(2, 8));
}

TEST(PlanTest, SecurityRule19NothingIsReadAheadOfOtherRanges) {
  const auto only = mib(40, 42);
  EXPECT_EQ(fetched_for_second(mib(10, 12), only), only) << "they are apart";
  EXPECT_EQ(fetched_for_second(mib(37, 39), only), only) << "a block apart";
  EXPECT_EQ(fetched_for_second(mib(42, 44), only), only) << "backwards";
  EXPECT_EQ(fetched_for_second(mib(38, 41), only), mib(41, 42)) << "over each other";
  Plan plan(100 * kMiB, large_requests());
  plan.want(mib(0, 2));
  EXPECT_EQ(span_of(next(plan, BlockMap(100 * kMiB), {})), mib(0, 2)) << "there was none before";
}

TEST(PlanTest, AnUpstreamThatIgnoresRangesGetsOneRequestAtATime) {
  Plan plan(100 * kMiB, {});
  BlockMap map(100 * kMiB);
  plan.want_all(0);
  plan.open_up();
  auto* first = next(plan, map, {});
  auto* second = next(plan, map, {});
  plan.ignore_ranges(*second, 0);
  EXPECT_EQ(first->position, first->end);
  EXPECT_EQ(span_of(second), mib(0, 100));
  plan.done(*first);
  EXPECT_EQ(next(plan, map, {}), nullptr);
}

TEST(PlanTest, ARunHadItsTurnWhenItHasBroughtSomeAndMuchIsLeft) {
  Plan plan(40 * kMiB, {});
  BlockMap map(40 * kMiB);
  plan.want_all(0);
  auto* run = next(plan, map, {});
  fetch(map, *run, 4 * kMiB - 1);
  EXPECT_FALSE(plan.had_its_turn(*run));
  fetch(map, *run, 4 * kMiB);
  EXPECT_TRUE(plan.had_its_turn(*run));
  fetch(map, *run, 36 * kMiB);
  EXPECT_FALSE(plan.had_its_turn(*run)) << "it is over soon";
}

TEST(PlanTest, AnUpstreamThatIgnoresRangesIsNotInterrupted) {
  Plan plan(40 * kMiB, {});
  BlockMap map(40 * kMiB);
  plan.want_all(0);
  auto* run = next(plan, map, {});
  plan.ignore_ranges(*run, 0);
  fetch(map, *run, 8 * kMiB);
  EXPECT_FALSE(plan.had_its_turn(*run));
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
      if (auto* run = next(plan, map, waiting)) runs.push_back(run);
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
