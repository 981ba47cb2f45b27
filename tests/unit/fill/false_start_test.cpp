// Who may hold the start of a false file, and what such a client is refused.
#include "fixture.h"

namespace hubcache::fill::test {
namespace {

using namespace std::chrono_literals;

class FalseStartTest : public FillsTest {
 protected:
  /// Upstream flips a byte of a blob, somebody reads all there is of it, and upstream is mended.
  void corrupt_once(std::uint64_t size) {
    serve(some_bytes(size));
    at_upstream([&](Upstream& upstream) { upstream.set_bytes(flip(bytes_, 5)); });
    EXPECT_EQ(kind_thrown_by([&] { read(whole()); }), Error::Kind::kCorrupt);
    at_upstream([&](Upstream& upstream) { upstream.set_bytes(bytes_); });
  }
  bool is_refused(const Wish& wish) {
    try {
      cache_->fills.refuse_false_start(wish.origin, wish.digest, wish.size, wish.range,
                                       wish.to_end);
    } catch (const Error& refusal) {
      EXPECT_EQ(refusal.kind(), Error::Kind::kUnavailable);
      return true;
    }
    return false;
  }
};

TEST_F(FalseStartTest, AResumeIsRefusedForThirtyDaysAlsoOnceTheBlobIsStored) {
  corrupt_once(3 * kMiB);
  EXPECT_EQ(kind_thrown_by([&] { read(from(2 * kMiB)); }), Error::Kind::kUnavailable);
  restart();
  EXPECT_EQ(kind_thrown_by([&] { read(from(2 * kMiB)); }), Error::Kind::kUnavailable);
  EXPECT_EQ(read(whole()), bytes_);
  until_stored();
  clock_.advance(30 * 24h - 1min);
  EXPECT_TRUE(is_refused(from(2 * kMiB)));
  EXPECT_EQ(kind_thrown_by([&] { read(from(2 * kMiB)); }), Error::Kind::kUnavailable);
  clock_.advance(1min);
  EXPECT_FALSE(is_refused(from(2 * kMiB)));
  EXPECT_EQ(read(from(2 * kMiB)), bytes_.substr(2 * kMiB));
}

TEST_F(FalseStartTest, ClosedRangesAreRefusedForAWhileAlsoOnceTheBlobIsStored) {
  corrupt_once(3 * kMiB);
  const auto middle = closed(kMiB, 2 * kMiB);
  EXPECT_EQ(kind_thrown_by([&] { read(middle); }), Error::Kind::kUnavailable);
  EXPECT_EQ(kind_thrown_by([&] { read(closed(2 * kMiB, 3 * kMiB)); }), Error::Kind::kUnavailable);
  EXPECT_EQ(read(whole()), bytes_);
  until_stored();
  clock_.advance(10min - 1s);
  EXPECT_TRUE(is_refused(middle));
  clock_.advance(1s);
  EXPECT_FALSE(is_refused(middle));
  EXPECT_EQ(read(middle), bytes_.substr(kMiB, kMiB));
}

TEST_F(FalseStartTest, AReaderKnownToStartAfreshGetsVerifiedBytesOnly) {
  corrupt_once(3 * kMiB);
  auto wish = closed(kMiB, 2 * kMiB);
  wish.fresh_start = true;
  hold(2 * kMiB, 3 * kMiB);
  auto joined = join(wish);
  auto reading = start_read(joined);
  until([](Upstream& upstream) { return upstream.delivered >= 2 * kMiB; });
  EXPECT_EQ(reading.wait_for(0s), std::future_status::timeout);
  release();
  EXPECT_EQ(reading.get(), bytes_.substr(kMiB, kMiB));
}

TEST_F(FalseStartTest, ARefusalTellsHowLongItHolds) {
  corrupt_once(3 * kMiB);
  const auto told = [&](const Wish& wish) {
    try {
      cache_->fills.refuse_false_start(wish.origin, wish.digest, wish.size, wish.range,
                                       wish.to_end);
    } catch (const Error& refusal) {
      return refusal.hub().retry_after;
    }
    return std::chrono::seconds(0);
  };
  clock_.advance(1min);
  EXPECT_EQ(told(from(2 * kMiB)), 30 * 24h - 1min);
  EXPECT_EQ(told(closed(kMiB, 2 * kMiB)), 9min);
}

TEST_F(FalseStartTest, TheWholeAndTheFirstByteAreNeverRefused) {
  corrupt_once(3 * kMiB);
  EXPECT_FALSE(is_refused(whole()));
  EXPECT_FALSE(is_refused(closed(0, bytes_.size())));
  EXPECT_FALSE(is_refused(closed(0, 1)));
  EXPECT_TRUE(is_refused(closed(0, 2)));
  EXPECT_EQ(read(closed(0, 1)), bytes_.substr(0, 1));
}

TEST_F(FalseStartTest, AfterThatWhileClosedRangesGetVerifiedBytesOnly) {
  corrupt_once(3 * kMiB);
  at_upstream([&](Upstream& upstream) { upstream.set_bytes(flip(bytes_, 5)); });
  clock_.advance(10min);
  EXPECT_EQ(kind_thrown_by([&] { read(closed(kMiB, kMiB + 9)); }), Error::Kind::kCorrupt);
  at_upstream([&](Upstream& upstream) { upstream.set_bytes(bytes_); });
  clock_.advance(10min);
  EXPECT_EQ(read(closed(kMiB, kMiB + 9)), bytes_.substr(kMiB, 9));
}

TEST_F(FalseStartTest, AProofIsReadAllTheSame) {
  corrupt_once(3 * kMiB);
  hold(kMiB, bytes_.size());
  auto reader = join(whole());
  Wish proof = closed(0, 10);
  proof.for_proof = true;
  EXPECT_EQ(read(proof), bytes_.substr(0, 10));
  release();
  EXPECT_EQ(read(reader), bytes_);
}

}  // namespace
}  // namespace hubcache::fill::test
