// What becomes of readers when the disk is full or fails under a running fill.
#include <thread>

#include "fixture.h"

namespace hubcache::fill::test {
namespace {

class FillsSpaceTest : public FillsTest {
 protected:
  /// Reads until the fill fails the reader.
  std::pair<std::string, Error::Kind> read_until_failure(Joined& joined) {
    std::string bytes;
    try {
      while (true) bytes += next(joined);
    } catch (const Error& error) {
      return {bytes, error.kind()};
    }
  }
  Rest rest_of(Joined& joined) { return runner_.run(joined.body->rest()); }
  std::string present(const Rest& rest) {
    std::string bytes(rest.present.length, '\0');
    if (bytes.empty()) return bytes;
    EXPECT_EQ(::pread(rest.present.file->get(), bytes.data(), bytes.size(),
                      static_cast<off_t>(rest.present.offset)),
              static_cast<ssize_t>(bytes.size()));
    return bytes;
  }
};

TEST_F(FillsSpaceTest, AReaderOfTheWholeGetsWhatIsThereAndTheHashToGoOnWith) {
  serve(some_bytes(20 * kMiB));
  hold(10 * kMiB, 20 * kMiB);
  auto joined = join(whole());
  auto bytes = read_at_least(joined, 10 * kMiB);
  disk_.room_for(0);
  release();
  const auto [more, kind] = read_until_failure(joined);
  bytes += more;
  EXPECT_EQ(kind, Error::Kind::kNoSpace);
  auto rest = rest_of(joined);
  bytes += present(rest);
  EXPECT_EQ(bytes.size(), rest.offset);
  EXPECT_GE(rest.offset, 10 * kMiB);
  EXPECT_EQ(bytes, bytes_.substr(0, rest.offset));
  ASSERT_TRUE(rest.hash);
  const auto left = bytes_.substr(rest.offset);
  rest.hash->update(std::as_bytes(std::span(left)));
  EXPECT_EQ(rest.hash->finish(), *digest_);
}

TEST_F(FillsSpaceTest, WhatCannotBeReadToBeVerifiedIsNotHandedOutUnverified) {
  serve(some_bytes(3 * kMiB + 5));
  bring_the_last_block_first();
  hold(1, bytes_.size());
  auto joined = join(whole());
  disk_.hold(FaultyDisk::Call::kRead);
  release();
  const auto bytes = read_at_least(joined, 2 * kMiB + 5);
  until([&](Upstream& upstream) { return upstream.delivered == bytes_.size(); });
  while (disk_.waiting() == 0) std::this_thread::yield();
  auto last = start_span(joined);
  disk_.fail_call(1);  // that read alone
  disk_.release();
  EXPECT_EQ(kind_thrown_by([&] { last.get(); }), Error::Kind::kIo);
  EXPECT_EQ(kind_thrown_by([&] { rest_of(joined); }), Error::Kind::kIo);
  EXPECT_LT(bytes.size(), bytes_.size());
}

TEST_F(FillsSpaceTest, ASizeThatNoDiskHasIsRefusedBeforeAnythingIsMadeForIt) {
  serve(some_bytes(kMiB));
  auto wish = closed(0, 10);
  wish.size = std::uint64_t{1} << 60;  // a bit for each MiB would be 128 GiB
  EXPECT_EQ(kind_thrown_by([&] { join(wish); }), Error::Kind::kNoSpace);
  EXPECT_TRUE(requests().empty());
}

TEST_F(FillsSpaceTest, AReaderOfARangeGoesOnWhereItIs) {
  serve(some_bytes(20 * kMiB));
  hold(10 * kMiB, 20 * kMiB);
  auto joined = join(closed(9 * kMiB, 11 * kMiB));
  auto bytes = read_at_least(joined, kMiB);
  disk_.room_for(0);
  release();
  const auto [more, kind] = read_until_failure(joined);
  EXPECT_EQ(kind, Error::Kind::kNoSpace);
  const auto rest = rest_of(joined);
  EXPECT_EQ(rest.offset, 9 * kMiB + bytes.size() + more.size());
  EXPECT_EQ(rest.present.length, 0U);
  EXPECT_FALSE(rest.hash);
}

TEST_F(FillsSpaceTest, WhoComesWhenTheDiskIsFullGoesOnFromTheFirstByte) {
  serve(some_bytes(4 * kMiB));
  disk_.room_for(0);
  std::optional<Error::Kind> kind;
  try {
    auto joined = join(whole());  // upstream may deliver before the first write fails
    const auto [bytes, failure] = read_until_failure(joined);
    EXPECT_EQ(bytes, "");
    EXPECT_EQ(rest_of(joined).offset, 0U);
    kind = failure;
  } catch (const Error& error) {
    kind = error.kind();
  }
  EXPECT_EQ(kind, Error::Kind::kNoSpace);
  disk_.room_for(FaultyDisk::kNever);
  EXPECT_EQ(read(whole()), bytes_);
}

}  // namespace
}  // namespace hubcache::fill::test
