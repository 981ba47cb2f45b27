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
  hold(1, bytes_.size());
  auto reader = join(whole());
  disk_.set_open(false);
  release();
  EXPECT_EQ(read_at_least(reader, 2 * kMiB + 5), bytes_.substr(0, 2 * kMiB + 5));
  auto last = start_span(reader);
  until([&](Upstream& upstream) { return upstream.delivered == bytes_.size(); });
  EXPECT_EQ(last.wait_for(std::chrono::seconds(0)), std::future_status::timeout);
  disk_.set_open(true);
  EXPECT_EQ(last.get(), bytes_.substr(2 * kMiB + 5));
}

TEST_F(FillsTest, TheHeldBlockDripsButNeverItsEnd) {
  options_.drip_interval = std::chrono::milliseconds(1);
  serve(some_bytes(67 * kKiB));
  hold(1, bytes_.size());
  auto reader = join(whole());
  disk_.set_open(false);
  release();
  EXPECT_EQ(read_at_least(reader, 3 * kKiB), bytes_.substr(0, 3 * kKiB));
  auto last = start_span(reader);
  disk_.set_open(true);
  EXPECT_EQ(last.get(), bytes_.substr(3 * kKiB));
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

TEST_F(FillsTest, TheResumeOfAFalseStartIsRefusedUntilAFreshDownloadWasRight) {
  serve(some_bytes(3 * kMiB));
  at_upstream([&](Upstream& upstream) { upstream.set_bytes(flip(bytes_, 5)); });
  EXPECT_EQ(kind_thrown_by([&] { read(whole()); }), Error::Kind::kCorrupt);
  at_upstream([&](Upstream& upstream) { upstream.set_bytes(bytes_); });
  EXPECT_EQ(kind_thrown_by([&] { read(from(2 * kMiB)); }), Error::Kind::kUnavailable);
  restart();
  EXPECT_EQ(kind_thrown_by([&] { read(from(2 * kMiB)); }), Error::Kind::kUnavailable);
  EXPECT_EQ(read(whole()), bytes_);
  until_stored();
  EXPECT_EQ(read(from(2 * kMiB)), bytes_.substr(2 * kMiB));
  while (is_bad()) std::this_thread::yield();
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
  EXPECT_THAT(verified(), IsEmpty());
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
