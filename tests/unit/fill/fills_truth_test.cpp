// What fills never tell or hand out.
#include <thread>

#include "hubcache/fill/fills.h"

#include "fixture.h"

namespace hubcache::fill::test {
namespace {

using testing::ElementsAre;
using testing::FieldsAre;
using testing::IsEmpty;

TEST_F(FillsTest, TheLastBlockIsWithheldUntilTheBlobIsVerified) {
  serve(some_bytes(3 * kMiB + 5));
  bring_the_last_block_first();
  hold(1, bytes_.size());
  auto reader = join(whole());
  disk_.hold(FaultyDisk::Call::kRead);
  release();
  EXPECT_EQ(read_at_least(reader, 2 * kMiB + 5), bytes_.substr(0, 2 * kMiB + 5));
  auto last = start_span(reader);
  until([&](Upstream& upstream) { return upstream.delivered == bytes_.size(); });
  EXPECT_EQ(last.wait_for(std::chrono::seconds(0)), std::future_status::timeout);
  disk_.release();
  EXPECT_EQ(last.get(), bytes_.substr(2 * kMiB + 5));
}

TEST_F(FillsTest, TheHeldBlockDripsButNeverItsEnd) {
  options_.drip_interval = std::chrono::milliseconds(1);
  serve(some_bytes(kMiB + 67 * kKiB));
  bring_the_last_block_first();
  hold(1, kMiB);
  auto reader = join(whole());
  auto part = join(closed(kMiB, kMiB + 66 * kKiB));
  disk_.hold(FaultyDisk::Call::kRead);
  release();
  const auto first = kMiB + 3 * kKiB;
  EXPECT_EQ(read_at_least(reader, first), bytes_.substr(0, first));
  EXPECT_EQ(read_at_least(part, 3 * kKiB), bytes_.substr(kMiB, 3 * kKiB));
  auto last = start_span(reader);
  auto last_of_part = start_span(part);
  // A drip would have come by the time that a reader of its own has had one.
  auto another = join(closed(kMiB, kMiB + 66 * kKiB));
  read_at_least(another, 3 * kKiB);
  EXPECT_EQ(last.wait_for(std::chrono::seconds(0)), std::future_status::timeout);
  EXPECT_EQ(last_of_part.wait_for(std::chrono::seconds(0)), std::future_status::timeout);
  disk_.release();
  EXPECT_EQ(last.get(), bytes_.substr(first));
  EXPECT_EQ(last_of_part.get(), bytes_.substr(first, 63 * kKiB));
}

TEST_F(FillsTest, ACorruptBodyIsCutBeforeItsEndAndNeverStored) {
  serve(some_bytes(3 * kMiB));
  at_upstream([&](Upstream& upstream) { upstream.set_bytes(flip(bytes_, 5)); });
  auto reader = join(whole());
  std::string got;
  EXPECT_EQ(kind_thrown_by([&] {
              while (true) got += next(reader);
            }),
            Error::Kind::kCorrupt);
  EXPECT_LE(got.size(), 2 * kMiB);
  EXPECT_TRUE(is_bad());
  EXPECT_FALSE(is_stored());
  EXPECT_EQ(source_repo(), "");
  EXPECT_THAT(verified(), IsEmpty());
}

TEST_F(FillsTest, NoByteOfASmallCorruptFileIsHandedOut) {
  serve(some_bytes(kMiB));
  at_upstream([&](Upstream& upstream) { upstream.set_bytes(flip(bytes_, 5)); });
  EXPECT_EQ(kind_thrown_by([&] {
              auto reader = join(whole());
              next(reader);
            }),
            Error::Kind::kCorrupt);
}

TEST_F(FillsTest, TheBlockThatCompletesWhatOthersWereGivenIsWithheldUntilTheBlobIsVerified) {
  serve(some_bytes(4 * kMiB));
  for (const std::uint64_t block : {3U, 0U, 2U}) {
    EXPECT_EQ(read(closed(block * kMiB, (block + 1) * kMiB)), bytes_.substr(block * kMiB, kMiB));
  }
  disk_.hold(FaultyDisk::Call::kRead);
  auto reader = join(closed(kMiB + 10, kMiB + 20));
  auto last = start_span(reader);
  until([&](Upstream& upstream) { return upstream.delivered == bytes_.size(); });
  EXPECT_EQ(read(closed(kMiB - 1, kMiB)), bytes_.substr(kMiB - 1, 1));
  EXPECT_EQ(last.wait_for(std::chrono::seconds(0)), std::future_status::timeout);
  disk_.release();
  EXPECT_EQ(last.get(), bytes_.substr(kMiB + 10, 10));
}

TEST_F(FillsTest, ClosedRangesDoNotAddUpToAFalseFile) {
  serve(some_bytes(4 * kMiB));
  at_upstream([&](Upstream& upstream) { upstream.set_bytes(flip(bytes_, 5)); });
  for (const std::uint64_t block : {3U, 0U, 2U}) read(closed(block * kMiB, (block + 1) * kMiB));
  EXPECT_EQ(kind_thrown_by([&] { read(closed(kMiB, 2 * kMiB)); }), Error::Kind::kCorrupt);
  EXPECT_TRUE(is_bad());
}

TEST_F(FillsTest, NorDoTheyWhereTheFalseFileCannotBeRemoved) {
  serve(some_bytes(4 * kMiB));
  at_upstream([&](Upstream& upstream) { upstream.set_bytes(flip(bytes_, 5)); });
  for (const std::uint64_t block : {3U, 0U, 2U}) read(closed(block * kMiB, (block + 1) * kMiB));
  disk_.fail(FaultyDisk::Call::kName, EROFS);
  EXPECT_EQ(kind_thrown_by([&] { read(closed(kMiB, 2 * kMiB)); }), Error::Kind::kCorrupt);
  EXPECT_TRUE(is_bad());
  disk_.stop_failing();
}

TEST_F(FillsTest, NorDoClosedRangesOfTwoRuns) {
  serve(some_bytes(4 * kMiB));
  at_upstream([&](Upstream& upstream) { upstream.set_bytes(flip(bytes_, 5)); });
  for (const std::uint64_t block : {3U, 0U, 2U}) read(closed(block * kMiB, (block + 1) * kMiB));
  restart();
  EXPECT_EQ(kind_thrown_by([&] { read(closed(kMiB, 2 * kMiB)); }), Error::Kind::kCorrupt);
}

TEST_F(FillsTest, TheTailOfAColdBlobIsReadWithoutTheRest) {
  serve(some_bytes(4 * kMiB));
  EXPECT_EQ(read(closed(bytes_.size() - 100, bytes_.size())), bytes_.substr(bytes_.size() - 100));
  EXPECT_EQ(delivered(), kMiB);
}

TEST_F(FillsTest, AReaderOfAClosedRangeIsCutAsSoonAsTheBytesAreKnownToBeFalse) {
  serve(some_bytes(12 * kMiB));
  at_upstream([&](Upstream& upstream) { upstream.set_bytes(flip(bytes_, 5)); });
  bring_the_last_block_first();
  hold(kMiB, bytes_.size());
  auto reading = join(whole());
  disk_.hold(FaultyDisk::Call::kRead);
  release();
  read_at_least(reading, 11 * kMiB);
  auto slow = join(closed(0, 11 * kMiB));
  read_at_least(slow, 1);  // and may read on without asking
  disk_.release();
  EXPECT_EQ(kind_thrown_by([&] { read(reading); }), Error::Kind::kCorrupt);
  EXPECT_EQ(kind_thrown_by([&] { next(slow); }), Error::Kind::kCorrupt);
}

TEST_F(FillsTest, AProofReadsWhatNobodyIsGiven) {
  serve(some_bytes(kMiB));
  hold(100, bytes_.size());
  auto reader = join(closed(0, 10));
  auto first = start_span(reader);
  Wish proof = closed(0, 10);
  proof.for_proof = true;
  EXPECT_EQ(read(proof), bytes_.substr(0, 10));
  EXPECT_EQ(first.wait_for(std::chrono::seconds(0)), std::future_status::timeout);
  release();
  EXPECT_EQ(first.get(), bytes_.substr(0, 10));
}

TEST_F(FillsTest, ALargeClosedRangeWithTheLastByteReadsToTheEnd) {
  serve(some_bytes(10 * kMiB));
  at_upstream([&](Upstream& upstream) { upstream.set_bytes(flip(bytes_, 5)); });
  EXPECT_EQ(kind_thrown_by([&] { read(closed(kMiB, bytes_.size())); }), Error::Kind::kCorrupt);
  EXPECT_EQ(kind_thrown_by([&] { read(closed(kMiB, bytes_.size())); }), Error::Kind::kUnavailable);
}

TEST_F(FillsTest, InStrictModeAClosedRangeWaitsForTheWhole) {
  options_.strict = true;
  serve(some_bytes(3 * kMiB));
  at_upstream([&](Upstream& upstream) { upstream.set_bytes(flip(bytes_, 5)); });
  EXPECT_EQ(kind_thrown_by([&] { read(closed(kMiB, kMiB + 10)); }), Error::Kind::kCorrupt);
  at_upstream([&](Upstream& upstream) { upstream.set_bytes(bytes_); });
  clock_.advance(options_.closed_ranges_refused);
  EXPECT_EQ(read(closed(kMiB, kMiB + 10)), bytes_.substr(kMiB, 10));
}

TEST_F(FillsTest, AFileThatChangedUpstreamIsNotMixed) {
  serve(some_bytes(4 * kMiB));
  at_upstream([](Upstream& upstream) { upstream.cuts = {2 * kMiB}; });
  hold(kMiB, 2 * kMiB);
  auto reader = join(whole());
  at_upstream([](Upstream& upstream) {
    upstream.failures.emplace_back(Error::Kind::kCorrupt, "another file by now");
    upstream.held = {};
  });
  EXPECT_EQ(kind_thrown_by([&] { read(reader); }), Error::Kind::kCorrupt);
  EXPECT_FALSE(is_bad());
  at_upstream([](Upstream& upstream) { upstream.delivered = 0; });
  EXPECT_EQ(read(whole()), bytes_);
  EXPECT_EQ(delivered(), bytes_.size());
}

TEST_F(FillsTest, TheRepoOfAVerifiedBlobIsReported) {
  serve(some_bytes(2 * kMiB));
  EXPECT_EQ(source_repo(), "");
  hold(kMiB, bytes_.size());
  auto first = join(whole("a"));
  EXPECT_EQ(source_repo(), "a");
  auto second = join(whole("b"));
  EXPECT_EQ(source_repo(), "a");
  release();
  EXPECT_EQ(read(first), bytes_);
  EXPECT_EQ(read(second), bytes_);
  EXPECT_THAT(verified(), ElementsAre(FieldsAre("hub", "a", digest_->text())));
}

TEST_F(FillsTest, BytesOfTwoReposProveNeither) {
  serve(some_bytes(4 * kMiB));
  hold(2 * kMiB, bytes_.size());
  auto first = join(whole("a"));
  read_at_least(first, 2 * kMiB);
  restart();
  EXPECT_EQ(source_repo(), "a");
  release();
  EXPECT_EQ(read(whole("b")), bytes_);
  // The hub has delivered it; neither repo has.
  EXPECT_THAT(verified(), ElementsAre(FieldsAre("hub", "", digest_->text())));
}

TEST_F(FillsTest, AStoredBlobIsNotLookedAtByAFillThatBeginsAfresh) {
  serve(some_bytes(2 * kMiB));
  read(whole("a"));
  until_stored();
  Wish again = whole("b");
  again.origin = "another hub";
  again.afresh = true;
  at_upstream([&](Upstream& upstream) { upstream.set_bytes(flip(bytes_, 5)); });
  EXPECT_EQ(kind_thrown_by([&] { read(again); }), Error::Kind::kCorrupt);
  at_upstream([&](Upstream& upstream) { upstream.set_bytes(bytes_); });
  EXPECT_EQ(read(again), bytes_);
  EXPECT_EQ(delivered(), 3 * bytes_.size());
  EXPECT_THAT(verified(), ElementsAre(FieldsAre("hub", "a", digest_->text()),
                                      FieldsAre("another hub", "b", digest_->text())));
  EXPECT_TRUE(is_stored());
}

TEST_F(FillsTest, WhatIsThereIsReadWithoutTheReadersOwnSource) {
  serve(some_bytes(4 * kMiB));
  hold(2 * kMiB, bytes_.size());
  auto first = join(whole("a"));
  read_at_least(first, 2 * kMiB);
  restart();
  at_upstream([](Upstream& upstream) { upstream.requests.clear(); });
  EXPECT_EQ(read(refused(closed(0, kMiB, "a"), Error::Kind::kForbidden)), bytes_.substr(0, kMiB));
  EXPECT_EQ(kind_thrown_by(
                [&] { read(refused(closed(3 * kMiB, 4 * kMiB, "a"), Error::Kind::kForbidden)); }),
            Error::Kind::kForbidden);
  EXPECT_EQ(delivered(), 2 * kMiB);
  EXPECT_EQ(source_repo(), "a");
}

TEST_F(FillsTest, AReaderWhoseRightWasLookedAtForOtherBytesLooksAgain) {
  serve(some_bytes(2 * kMiB));
  hold(kMiB, bytes_.size());
  auto first = join(whole("a"));
  Wish late = whole("b");
  late.seen_via = "";  // before the fill of "a" began
  EXPECT_EQ(kind_thrown_by([&] { join(late); }), Error::Kind::kConflict);
  late.seen_via = "a";
  auto second = join(late);
  release();
  EXPECT_EQ(read(second), bytes_);
  restart();
  EXPECT_TRUE(is_stored());
  EXPECT_EQ(kind_thrown_by([&] { join(late); }), Error::Kind::kConflict);
}

}  // namespace
}  // namespace hubcache::fill::test
