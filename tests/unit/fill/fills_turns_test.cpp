// Many fills, fewer connections: whose turn it is.
#include <deque>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "hubcache/fill/fills.h"

#include "fixture.h"

namespace hubcache::fill::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;
using testing::SizeIs;

/// Beside the file of FillsTest there are others, each with an upstream of its own.
class FillsTurnsTest : public FillsTest {
 protected:
  struct File {
    std::string bytes;
    Digest digest;
    std::size_t home;
    std::unique_ptr<Upstream> upstream;
  };

  File& add(std::string bytes) {
    const auto digest = digest_of(bytes);
    const auto home = runner_.workers().home(std::hash<Digest>{}(digest));
    auto upstream = std::make_unique<Upstream>(bytes);
    files_.push_back({std::move(bytes), digest, home, std::move(upstream)});
    return files_.back();
  }
  static Wish whole_of(File& file, std::string remote = {}) {
    auto source = [&file](std::size_t) { return file.upstream->source("repo"); };
    return {.origin = "hub",
            .digest = file.digest,
            .size = file.bytes.size(),
            .range = {.offset = 0, .length = file.bytes.size()},
            .via = "repo",
            .source = std::move(source),
            .remote = {.id = std::move(remote)}};
  }
  void hold_file(File& file, std::uint64_t from) {
    runner_.call(
        [&] {
          file.upstream->held = {.begin = from, .end = file.bytes.size()};
          file.upstream->changed();
        },
        file.home);
  }
  /// The only connection brings the file of FillsTest, and rests.
  void take_all() {
    options_.connections = 1;
    options_.in_line = std::chrono::milliseconds(10);
    serve(some_bytes(2 * kMiB));
    hold(kMiB, bytes_.size());
    holder_ = join(whole());
  }
  /// Until so many fills wait for their turn.
  void until_in_line(std::size_t count) const {
    while (cache_->fills.connections().waiting < count) std::this_thread::yield();
  }
  /// Until so many readers wait for bytes, as those do who joined but have no body yet: it is from
  /// then on that they have the time of Options::in_line.
  void until_readers_wait(int count) const {
    while (cache_->fills.counts().waiting.value() < count) std::this_thread::yield();
  }
  static bool is_asked(const Upstream& upstream) { return !upstream.requests.empty(); }

 private:
  std::deque<File> files_;
  Joined holder_;
};

TEST_F(FillsTurnsTest, ALongDownloadLetsTheReaderOfAnotherFileGoFirst) {
  options_.connections = 1;
  serve(some_bytes(40 * kMiB));
  hold(kMiB, bytes_.size());
  auto& other = add(some_bytes(3 * kMiB + 1));
  auto reader = join(whole());
  auto joining = start_join(whole_of(other));
  until_in_line(1);
  hold(10 * kMiB, bytes_.size());
  auto joined = joining.get();
  EXPECT_EQ(read(joined), other.bytes);
  auto reading = start_read(reader);
  release();
  EXPECT_EQ(reading.get(), bytes_);
  const auto asked = requests();
  ASSERT_GE(asked.size(), 2U);
  EXPECT_THAT(asked[0], Pair(0, bytes_.size()));
  EXPECT_GE(asked[1].first, 4 * kMiB) << "it had its turn";
  EXPECT_LE(asked[1].first, 10 * kMiB);
  EXPECT_EQ(delivered(), bytes_.size());
}

TEST_F(FillsTurnsTest, WithOthersInLineRequestsAreShort) {
  options_.connections = 1;
  serve(some_bytes(20 * kMiB));
  hold(0, bytes_.size());
  auto& second = add(some_bytes(20 * kMiB + 1));
  auto& third = add(some_bytes(20 * kMiB + 2));
  auto first = start_join(whole());
  until(is_asked);
  auto joining_second = start_join(whole_of(second));
  until_in_line(1);
  auto joining_third = start_join(whole_of(third));
  until_in_line(2);
  release();
  for (auto* joining : {&first, &joining_second, &joining_third}) {
    auto joined = joining->get();
    EXPECT_GE(read(joined).size(), 20 * kMiB);
  }
  EXPECT_EQ(second.upstream->requests.front().length, 2 * kMiB);
}

TEST_F(FillsTurnsTest, AReaderIsServedWhileADownloadThatNobodyWaitsForIsHeld) {
  options_.connections = 2;
  serve(some_bytes(100 * kMiB));
  hold(kMiB, bytes_.size());
  auto wish = whole();
  wish.background = true;
  auto prefetch = join(std::move(wish));
  until([](Upstream& upstream) { return upstream.delivered == kMiB; });
  until_in_line(1);
  auto& other = add(some_bytes(3 * kMiB));
  auto joined = join(whole_of(other));
  EXPECT_EQ(read(joined), other.bytes);
  EXPECT_THAT(requests(), SizeIs(1));
}

TEST_F(FillsTurnsTest, WhatAReaderGaveUpInLineIsNotBegunAndHurriesNobody) {
  options_.connections = 1;
  options_.first_byte = std::chrono::milliseconds(1);
  serve(some_bytes(40 * kMiB));
  hold(kMiB, bytes_.size());
  auto wish = whole();
  wish.background = true;
  auto prefetch = join(std::move(wish));
  auto& other = add(some_bytes(3 * kMiB));
  auto leaving = start_join(whole_of(other));
  EXPECT_THROW(leaving.get(), Error);
  while (cache_->fills.connections().waiting > 0) std::this_thread::yield();
  release();
  EXPECT_EQ(read(prefetch), bytes_);
  EXPECT_THAT(requests(), SizeIs(1));
  EXPECT_THAT(other.upstream->requests, IsEmpty());
}

TEST_F(FillsTurnsTest, WhoWaitsLongForATurnHasTheBodyBeforeItAndThenTheBytes) {
  take_all();
  auto& other = add(some_bytes(3 * kMiB));
  auto joining = start_join(whole_of(other));
  until_in_line(1);
  until_readers_wait(1);
  clock_.advance(options_.in_line - std::chrono::milliseconds(1));
  EXPECT_EQ(joining.wait_for(2 * options_.in_line), std::future_status::timeout);
  clock_.advance(std::chrono::milliseconds(1));
  auto joined = joining.get();
  auto reading = start_read(joined);
  EXPECT_THAT(other.upstream->requests, IsEmpty());
  release();
  EXPECT_EQ(reading.get(), other.bytes);
}

TEST_F(FillsTurnsTest, TroubleAfterThatCutsTheBodyAndBeforeItIsTheAnswerOfJoin) {
  take_all();
  auto& late = add(some_bytes(3 * kMiB));
  late.upstream->failures.emplace_back(Error::Kind::kNotFound, "gone");
  auto joining_late = start_join(whole_of(late));
  until_in_line(1);
  until_readers_wait(1);
  clock_.advance(options_.in_line);
  auto joined = joining_late.get();
  auto reading = start_read(joined);
  auto& prompt = add(some_bytes(4 * kMiB));
  prompt.upstream->failures.emplace_back(Error::Kind::kNotFound, "gone");
  auto joining = start_join(whole_of(prompt));
  until_in_line(2);
  release();
  EXPECT_EQ(kind_thrown_by([&] { reading.get(); }), Error::Kind::kNotFound);
  EXPECT_EQ(kind_thrown_by([&] { joining.get(); }), Error::Kind::kNotFound);
}

TEST_F(FillsTurnsTest, WhoseTurnItIsWaitsForWhatUpstreamSays) {
  options_.in_line = std::chrono::milliseconds(1);
  serve(some_bytes(4 * kMiB));
  hold(0, bytes_.size());
  auto wish = whole();
  wish.max_retries = 0;
  auto joining = start_join(std::move(wish));
  until(is_asked);
  clock_.advance(std::chrono::hours(1));
  auto& other = add(some_bytes(kMiB));
  EXPECT_EQ(read(whole_of(other)), other.bytes);
  at_upstream([](Upstream& upstream) { upstream.break_streams(); });
  EXPECT_EQ(kind_thrown_by([&] { joining.get(); }), Error::Kind::kUpstream);
}

TEST_F(FillsTurnsTest, WhoLeavesWithABodyBeforeItsTurnHasNothingFetchedAndPaysNothing) {
  take_all();
  auto& other = add(some_bytes(3 * kMiB));
  auto joining = start_join(paid_by("a", whole_of(other)));
  until_in_line(1);
  until_readers_wait(1);
  clock_.advance(options_.in_line);
  auto joined = joining.get();
  EXPECT_THAT(paid(), ElementsAre(Pair("a", other.bytes.size())));
  leave(joined);
  runner_.run(cache_->fills.wait_end("hub", other.digest));
  EXPECT_THAT(paid(), ElementsAre(Pair("a", 0)));
  release();
  EXPECT_THAT(other.upstream->requests, IsEmpty());
}

TEST_F(FillsTurnsTest, AReaderWhoComesToADownloadThatNobodyWaitedForHastensIt) {
  options_.connections = 2;
  auto& held = add(some_bytes(2 * kMiB));
  serve(some_bytes(3 * kMiB));
  hold_file(held, kMiB);
  auto background = [](Wish wish) {
    wish.background = true;
    return wish;
  };
  auto first = join(background(whole_of(held)));
  auto in_line = start_join(background(whole()));
  until_in_line(1);
  EXPECT_THAT(requests(), IsEmpty());
  EXPECT_EQ(read(whole()), bytes_);
  in_line.get();
}

TEST_F(FillsTurnsTest, OtherRemotesAreServedWhileAllDownloadsOfOneAreHeld) {
  options_.connections = 4;
  serve(some_bytes(kMiB));
  std::vector<std::future<Joined>> held;
  for (std::uint64_t i = 1; i <= 6; ++i) {
    auto& file = add(some_bytes(2 * kMiB + i));
    hold_file(file, 0);
    held.push_back(start_join(whole_of(file, "slow")));
  }
  until_in_line(3);
  auto wish = whole();
  wish.remote.id = "other";
  EXPECT_EQ(read(std::move(wish)), bytes_);
}

TEST_F(FillsTurnsTest, WhoWaitsForUpstreamToBeAskedAgainHoldsNoConnection) {
  options_.connections = 1;
  serve(some_bytes(2 * kMiB));
  const auto later = [] {
    return Error(Error::Kind::kTooManyRequests, "later",
                 Error::HubDetail{.retry_after = std::chrono::seconds(1'000)});
  };
  at_upstream([&](Upstream& upstream) { upstream.failures.push_back(later()); });
  auto waiting = start_join(whole());
  until(is_asked);
  auto& other = add(some_bytes(3 * kMiB));
  auto joined = join(whole_of(other));
  EXPECT_EQ(read(joined), other.bytes);
}

TEST_F(FillsTurnsTest, AFillThatFailsGoesOnWhenItIsItsTurnAgain) {
  options_.connections = 1;
  serve(some_bytes(4 * kMiB));
  at_upstream([](Upstream& upstream) { upstream.cuts = {kMiB, 2 * kMiB}; });
  auto& other = add(some_bytes(6 * kMiB));
  auto joining = start_join(whole_of(other));
  EXPECT_EQ(read(whole()), bytes_);
  auto joined = joining.get();
  EXPECT_EQ(read(joined), other.bytes);
  EXPECT_EQ(delivered(), bytes_.size());
}

TEST_F(FillsTurnsTest, AnUpstreamThatIgnoresRangesIsNotInterrupted) {
  options_.connections = 1;
  serve(some_bytes(20 * kMiB));
  at_upstream([](Upstream& upstream) { upstream.ignores_ranges = true; });
  hold(kMiB, bytes_.size());
  auto reader = join(from(3 * kMiB));
  auto& other = add(some_bytes(kMiB));
  auto joining = start_join(whole_of(other));
  until_in_line(1);
  release();
  EXPECT_EQ(read(reader), bytes_.substr(3 * kMiB));
  auto joined = joining.get();
  EXPECT_EQ(read(joined), other.bytes);
  EXPECT_EQ(delivered(), bytes_.size());
}

TEST_F(FillsTurnsTest, WhatPassesTheStoreCountsToo) {
  options_.connections = 1;
  options_.first_byte = std::chrono::milliseconds(1);
  serve(some_bytes(kMiB));
  auto slot = runner_.run(cache_->fills.slot_to_pass({.id = "a"}));
  EXPECT_EQ(kind_thrown_by([&] { runner_.run(cache_->fills.slot_to_pass({.id = "b"})); }),
            Error::Kind::kUpstreamTimeout);
  EXPECT_EQ(kind_thrown_by([&] { join(whole()); }), Error::Kind::kUpstreamTimeout);
  slot.give_back();
  auto wish = whole();
  wish.background = true;  // it waits
  EXPECT_EQ(read(std::move(wish)), bytes_);
}

TEST_F(FillsTurnsTest, WithManyConnectionsPiecesAreSmall) {
  serve(some_bytes(3 * kMiB));
  const auto room = [this] {
    return at_upstream([](Upstream& upstream) { return upstream.room; });
  };
  std::vector<Slot> others(16);
  for (auto& slot : others) slot = runner_.run(cache_->fills.slot_to_pass({.id = "other"}));
  EXPECT_EQ(read(closed(0, kMiB)), bytes_.substr(0, kMiB));
  EXPECT_EQ(room(), 256 * kKiB);
  others.clear();
  EXPECT_EQ(read(closed(2 * kMiB, 3 * kMiB)), bytes_.substr(2 * kMiB));
  EXPECT_EQ(room(), 2 * kMiB);
}

}  // namespace
}  // namespace hubcache::fill::test
