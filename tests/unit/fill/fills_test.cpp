#include "hubcache/fill/fills.h"

#include <algorithm>
#include <future>
#include <thread>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>

#include "fixture.h"

namespace hubcache::fill::test {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;
using testing::SizeIs;

TEST_F(FillsTest, EightReadersCauseOneRequest) {
  serve(some_bytes(3 * kMiB + 5));
  hold(kMiB, bytes_.size());
  std::vector<std::future<Joined>> joining;
  for (int i = 0; i < 8; ++i) joining.push_back(start_join(whole()));
  std::vector<Joined> joined;
  for (auto& one : joining) joined.push_back(one.get());
  release();
  for (auto& one : joined) EXPECT_EQ(read(one), bytes_);
  EXPECT_THAT(requests(), ElementsAre(Pair(0, bytes_.size())));
  EXPECT_EQ(std::ranges::count_if(joined, [](const auto& one) { return one.started; }), 1);
}

TEST_F(FillsTest, AReaderHasBytesWhileUpstreamHoldsTheRestBack) {
  serve(some_bytes(4 * kMiB));
  hold(kMiB + 10, bytes_.size());
  auto reader = join(whole());
  EXPECT_EQ(read_at_least(reader, kMiB + 10), bytes_.substr(0, kMiB + 10));
  release();
  EXPECT_EQ(read(reader), bytes_.substr(kMiB + 10));
}

TEST_F(FillsTest, AReaderWhoComesInTheMiddleGetsTheWhole) {
  serve(some_bytes(4 * kMiB));
  hold(2 * kMiB, bytes_.size());
  auto first = join(whole());
  EXPECT_THAT(read_at_least(first, 2 * kMiB), SizeIs(2 * kMiB));
  auto second = join(whole());
  auto reading = start_read(second);
  release();
  EXPECT_EQ(reading.get(), bytes_);
  EXPECT_EQ(delivered(), bytes_.size());
}

TEST_F(FillsTest, AClientThatLeavesDoesNotStopTheFill) {
  serve(some_bytes(4 * kMiB));
  hold(kMiB, bytes_.size());
  auto reader = join(whole());
  leave(reader);
  release();
  until([&](Upstream& upstream) { return upstream.delivered == bytes_.size(); });
  until_stored();
  EXPECT_EQ(delivered(), bytes_.size());
}

TEST_F(FillsTest, SecurityRule19AFillWithoutReadersGoesOnWithinItsBudget) {
  options_.unattended = 2 * kMiB;
  serve(some_bytes(8 * kMiB));
  hold(kMiB, bytes_.size());
  auto reader = join(whole());
  leave(reader);
  hold(6 * kMiB, bytes_.size());
  until([](Upstream& upstream) { return upstream.streams == 0; });
  EXPECT_LE(delivered(), 5 * kMiB) << "what was read, the budget, and one piece";
  release();
  EXPECT_EQ(read(whole()), bytes_) << "the next reader has it go on";
  EXPECT_LE(delivered(), bytes_.size() + kMiB);
}

TEST_F(FillsTest, WhoAddsToWhatIsWantedPaysForIt) {
  serve(some_bytes(4 * kMiB));
  hold(0, bytes_.size());
  auto part = start_join(paid_by("a", closed(0, 10)));
  until([](Upstream& upstream) { return !upstream.requests.empty(); });
  auto all = start_join(paid_by("b", whole()));
  auto again = start_join(paid_by("c", whole()));
  auto another = start_join(paid_by("d", closed(20, 30)));
  release();
  for (auto* joining : {&part, &all, &again, &another}) joining->get();
  EXPECT_THAT(paid(), ElementsAre(Pair("a", 10), Pair("b", bytes_.size())));
}

TEST_F(FillsTest, WhoLeavesBeforeTheFirstBytePaysForWhatComesAllTheSame) {
  options_.first_byte = std::chrono::milliseconds(1);
  serve(some_bytes(4 * kMiB));
  hold(0, bytes_.size());
  EXPECT_THROW(join(paid_by("a", whole())), Error);
  until([](Upstream& upstream) { return !upstream.requests.empty(); });
  EXPECT_THAT(paid(), ElementsAre(Pair("a", bytes_.size())));
  release();
  while (!is_stored()) std::this_thread::yield();
  runner_.run(cache_->fills.wait_end("hub", *digest_));
  EXPECT_THAT(paid(), ElementsAre(Pair("a", bytes_.size())));
}

TEST_F(FillsTest, WhatUpstreamDoesNotDeliverIsPaidBack) {
  serve(some_bytes(4 * kMiB));
  at_upstream([](Upstream& upstream) {
    for (int i = 0; i < 4; ++i) upstream.failures.emplace_back(Error::Kind::kUpstream, "refused");
  });
  EXPECT_THROW(join(paid_by("a", whole())), Error);
  EXPECT_THAT(paid(), ElementsAre(Pair("a", 0)));
  at_upstream([](Upstream& upstream) { upstream.cuts = {kMiB, 0, 0, 0, 0}; });
  auto reader = join(paid_by("a", whole()));
  EXPECT_THROW(read(reader), Error);
  EXPECT_THAT(paid(), ElementsAre(Pair("a", bytes_.size()))) << "a part of it came";
}

TEST_F(FillsTest, AClientThatVanishesWhileItWaitsDoesNotStopTheFill) {
  serve(some_bytes(4 * kMiB));
  hold(kMiB, bytes_.size());
  auto reader = join(whole());
  read_at_least(reader, kMiB);
  asio::cancellation_signal vanish;
  std::promise<bool> ended;
  runner_.call([&] {
    auto done = [&](const std::exception_ptr& failure, const std::string&) {
      ended.set_value(failure != nullptr);
    };
    asio::co_spawn(runner_.executor(), one_span(*reader.body),
                   asio::bind_cancellation_slot(vanish.slot(), std::move(done)));
  });
  runner_.call([&] { vanish.emit(asio::cancellation_type::terminal); });
  EXPECT_TRUE(ended.get_future().get());
  leave(reader);
  release();
  EXPECT_EQ(read(whole()), bytes_);
  EXPECT_EQ(delivered(), bytes_.size());
}

TEST_F(FillsTest, AClosedRangeFetchesItsBlocksOnly) {
  serve(some_bytes(10 * kMiB));
  EXPECT_EQ(read(closed(3 * kMiB + 7, 4 * kMiB + 9)), bytes_.substr(3 * kMiB + 7, kMiB + 2));
  EXPECT_THAT(requests(), ElementsAre(Pair(3 * kMiB, 2 * kMiB)));
  until([](Upstream& upstream) { return upstream.delivered == 2 * kMiB; });
  restart();
  EXPECT_EQ(delivered(), 2 * kMiB);
  EXPECT_FALSE(is_stored());
}

TEST_F(FillsTest, ClosedRangesOfOneFillAddUpToABlob) {
  serve(some_bytes(3 * kMiB));
  EXPECT_EQ(read(closed(2 * kMiB, 3 * kMiB)), bytes_.substr(2 * kMiB));
  EXPECT_EQ(read(closed(0, kMiB)), bytes_.substr(0, kMiB));
  EXPECT_EQ(read(closed(kMiB, 2 * kMiB)), bytes_.substr(kMiB, kMiB));
  while (!is_stored()) std::this_thread::yield();
  EXPECT_EQ(delivered(), bytes_.size());
}

TEST_F(FillsTest, AClosedFillParksWhenNobodyAsksForMore) {
  options_.linger = std::chrono::milliseconds(0);
  serve(some_bytes(4 * kMiB));
  EXPECT_EQ(read(closed(0, kMiB)), bytes_.substr(0, kMiB));
  EXPECT_EQ(read(whole()), bytes_);
  EXPECT_EQ(delivered(), bytes_.size());
}

TEST_F(FillsTest, AReaderWhoWillAskForAllHasItFetchedByOneRequest) {
  serve(some_bytes(12 * kMiB));
  hold(0, 12 * kMiB);
  std::vector<std::future<Joined>> joining;
  for (const std::uint64_t begin : {8 * kMiB, 0 * kMiB, 4 * kMiB}) {
    auto wish = closed(begin, begin + 4 * kMiB);
    wish.wants_all = true;
    joining.push_back(start_join(wish));
    until([](Upstream& upstream) { return !upstream.requests.empty(); });
  }
  release();
  std::string bytes[3];
  for (std::size_t i = 0; i < 3; ++i) {
    auto joined = joining[i].get();
    bytes[i] = read(joined);
  }
  EXPECT_EQ(bytes[1] + bytes[2] + bytes[0], bytes_);
  EXPECT_EQ(requests().size(), 1U);
}

TEST_F(FillsTest, SequentialClosedRangesAreReadAhead) {
  serve(some_bytes(20 * kMiB));
  read(closed(0, kMiB));
  read(closed(kMiB, 2 * kMiB));
  until([](Upstream& upstream) { return upstream.delivered == 6 * kMiB; });
}

TEST_F(FillsTest, ReadersWithoutAConnectionOfTheirOwnTakeTurns) {
  serve(some_bytes(40 * kMiB));
  hold(kMiB, 4 * kMiB);
  const auto with_one_connection = [](Wish wish) {
    wish.connections = 1;
    return wish;
  };
  const auto begin = [&](Joined& joined) {
    auto reading = start_read(joined);
    runner_.call([] {});         // it began to read,
    runner_.call([] {}, home_);  // and waits
    return reading;
  };
  auto first = join(with_one_connection(closed(0, 4 * kMiB)));
  auto joined_earlier = join(closed(20 * kMiB, 25 * kMiB));
  auto joined_later = join(closed(30 * kMiB, 35 * kMiB));
  auto later = begin(joined_later);
  auto earlier = begin(joined_earlier);
  release();
  EXPECT_EQ(later.get(), bytes_.substr(30 * kMiB, 5 * kMiB));
  EXPECT_EQ(earlier.get(), bytes_.substr(20 * kMiB, 5 * kMiB));
  const auto asked = requests();
  ASSERT_GE(asked.size(), 3u);
  EXPECT_EQ(asked[1], std::pair(30 * kMiB, 2 * kMiB));
  EXPECT_EQ(asked[2].first, 20 * kMiB);
  EXPECT_EQ(delivered(), 14 * kMiB);
}

TEST_F(FillsTest, WhatAReaderWaitsForComesFirst) {
  serve(some_bytes(40 * kMiB));
  hold(kMiB, 2 * kMiB);
  auto slow = join(whole());
  EXPECT_EQ(read(closed(30 * kMiB, 30 * kMiB + 100)), bytes_.substr(30 * kMiB, 100));
  auto reading = start_read(slow);
  release();
  EXPECT_EQ(reading.get(), bytes_);
  EXPECT_EQ(requests()[1].first, 30 * kMiB);
}

TEST_F(FillsTest, TheNextRunFetchesMissingBlocksOnly) {
  serve(some_bytes(6 * kMiB));
  hold(2 * kMiB + 100, bytes_.size());
  auto reader = join(whole());
  read_at_least(reader, 2 * kMiB + 100);
  restart();
  at_upstream([](Upstream& upstream) { upstream.requests.clear(); });
  EXPECT_EQ(source_repo(), "repo");
  release();
  EXPECT_EQ(read(whole()), bytes_);
  EXPECT_THAT(requests(), ElementsAre(Pair(2 * kMiB, 4 * kMiB)));
}

TEST_F(FillsTest, ParkingEndsReadersAndRefusesNewOnes) {
  serve(some_bytes(4 * kMiB));
  hold(kMiB, bytes_.size());
  auto reader = join(whole());
  auto reading = start_read(reader);
  runner_.run(cache_->fills.park());
  EXPECT_EQ(kind_thrown_by([&] { reading.get(); }), Error::Kind::kUnavailable);
  EXPECT_EQ(kind_thrown_by([&] { join(whole()); }), Error::Kind::kUnavailable);
}

TEST_F(FillsTest, AnUpstreamThatIgnoresRangesIsStreamedAsOne) {
  serve(some_bytes(5 * kMiB));
  at_upstream([](Upstream& upstream) { upstream.ignores_ranges = true; });
  auto reader = join(from(3 * kMiB));
  EXPECT_EQ(read(reader), bytes_.substr(3 * kMiB));
  EXPECT_EQ(read(whole()), bytes_);
  EXPECT_THAT(requests(), SizeIs(1));
}

TEST_F(FillsTest, ALargeUpstreamThatIgnoresRangesIsStreamedAsOne) {
  serve(some_bytes(70 * kMiB));
  at_upstream([](Upstream& upstream) { upstream.ignores_ranges = true; });
  EXPECT_EQ(read(whole()), bytes_);
  while (!is_stored()) std::this_thread::yield();
}

TEST_F(FillsTest, AnUpstreamThatIgnoresRangesMayBreakOff) {
  serve(some_bytes(5 * kMiB));
  at_upstream([](Upstream& upstream) {
    upstream.ignores_ranges = true;
    upstream.cuts = {2 * kMiB};
  });
  EXPECT_EQ(read(whole()), bytes_);
}

TEST_F(FillsTest, ARefusedSourceHandsOverToThatOfAnotherReader) {
  serve(some_bytes(4 * kMiB));
  hold(kMiB, bytes_.size());
  auto first = join(whole("a"));
  auto second = join(whole("b"));
  auto reading_first = start_read(first);
  auto reading_second = start_read(second);
  at_upstream([](Upstream& upstream) {
    upstream.failures.emplace_back(Error::Kind::kForbidden, "no more");
    upstream.held = {};
    upstream.break_streams();
  });
  EXPECT_EQ(kind_thrown_by([&] { reading_first.get(); }), Error::Kind::kForbidden);
  EXPECT_EQ(reading_second.get(), bytes_);
  EXPECT_THAT(requesters(), ElementsAre("a", "a", "b"));
}

TEST_F(FillsTest, TheRefusalOfTheOnlySourceIsTheAnswer) {
  serve(some_bytes(4 * kMiB));
  EXPECT_EQ(kind_thrown_by([&] { join(refused(whole(), Error::Kind::kNotFound)); }),
            Error::Kind::kNotFound);
  EXPECT_EQ(read(whole()), bytes_);
}

TEST_F(FillsTest, ASourceOfAReaderWhoLeftIsNotTakenAfterARefusal) {
  serve(some_bytes(4 * kMiB));
  hold(kMiB, bytes_.size());
  auto reader = join(whole("a"));
  auto gone = join(whole("gone"));
  leave(gone);
  at_upstream([](Upstream& upstream) {
    upstream.failures.emplace_back(Error::Kind::kForbidden, "no more");
    upstream.break_streams();
  });
  EXPECT_EQ(kind_thrown_by([&] { read(reader); }), Error::Kind::kForbidden);
  EXPECT_THAT(requesters(), testing::Not(Contains("gone")));
}

TEST_F(FillsTest, ABrokenStreamIsResumedWhereItEnded) {
  serve(some_bytes(4 * kMiB));
  at_upstream([](Upstream& upstream) { upstream.cuts = {kMiB + 17, 2 * kMiB}; });
  EXPECT_EQ(read(whole()), bytes_);
  EXPECT_THAT(requests(), ElementsAre(Pair(0, 4 * kMiB), Pair(kMiB + 17, 3 * kMiB - 17),
                                      Pair(2 * kMiB, 2 * kMiB)));
}

TEST_F(FillsTest, FailuresInARowEndTheReadersAndKeepWhatIsThere) {
  serve(some_bytes(4 * kMiB));
  at_upstream([](Upstream& upstream) { upstream.cuts = {2 * kMiB, 0, 0, 0, 0}; });
  auto reader = join(whole());
  EXPECT_EQ(kind_thrown_by([&] { read(reader); }), Error::Kind::kUpstream);
  EXPECT_THAT(requests(), SizeIs(4));
  at_upstream([](Upstream& upstream) { upstream.cuts.clear(); });
  EXPECT_EQ(read(whole()), bytes_);
  EXPECT_EQ(delivered(), bytes_.size());
}

TEST_F(FillsTest, AnUnreachableUpstreamIsTheAnswerOfJoin) {
  serve(some_bytes(4 * kMiB));
  at_upstream([](Upstream& upstream) {
    for (int i = 0; i < 4; ++i) upstream.failures.emplace_back(Error::Kind::kUpstream, "refused");
  });
  EXPECT_EQ(kind_thrown_by([&] { join(whole()); }), Error::Kind::kUpstream);
}

TEST_F(FillsTest, JoinDoesNotWaitForASilentUpstreamForever) {
  options_.first_byte = std::chrono::milliseconds(1);
  serve(some_bytes(4 * kMiB));
  hold(0, bytes_.size());
  EXPECT_EQ(kind_thrown_by([&] { join(whole()); }), Error::Kind::kUpstreamTimeout);
}

TEST_F(FillsTest, ALargeBlobComesThroughSeveralConnectionsAndEachByteOnce) {
  serve(some_bytes(80 * kMiB));
  hold(kMiB, 2 * kMiB);
  auto reader = join(whole());
  until([](Upstream& upstream) { return upstream.requests.size() >= 4; });
  auto reading = start_read(reader);
  release();
  EXPECT_EQ(reading.get(), bytes_);
  EXPECT_EQ(delivered(), bytes_.size());
  auto asked = requests();
  asked.resize(4);
  EXPECT_THAT(asked, ElementsAre(Pair(0, 4 * kMiB), Pair(4 * kMiB, 4 * kMiB),
                                 Pair(8 * kMiB, 4 * kMiB), Pair(12 * kMiB, 4 * kMiB)));
}

TEST_F(FillsTest, TheFirstRequestOfALargeBlobIsTheOneItsReaderNeeds) {
  serve(some_bytes(80 * kMiB));
  auto reader = join(from(70 * kMiB + 3));
  EXPECT_EQ(read(reader), bytes_.substr(70 * kMiB + 3));
  EXPECT_EQ(requests().front().first, 70 * kMiB);
  EXPECT_EQ(delivered(), bytes_.size());
}

TEST_F(FillsTest, ABlobThatIsStoredByNowIsNotFetchedAgain) {
  serve(some_bytes(2 * kMiB));
  until_stored();
  EXPECT_EQ(read(whole()), bytes_);
  EXPECT_THAT(requests(), SizeIs(1));
}

TEST_F(FillsTest, AnEmptyFileIsStoredWithoutARequest) {
  serve("");
  EXPECT_EQ(read(whole()), "");
  while (!is_stored()) std::this_thread::yield();
  EXPECT_THAT(requests(), IsEmpty());
}

TEST_F(FillsTest, TwoSizesForOneDigestAreAnUpstreamError) {
  serve(some_bytes(2 * kMiB));
  hold(kMiB, bytes_.size());
  auto reader = join(whole());
  Wish other = whole();
  other.size += 1;
  EXPECT_EQ(kind_thrown_by([&] { join(other); }), Error::Kind::kUpstream);
}

}  // namespace
}  // namespace hubcache::fill::test
