#include "hubcache/store/staging.h"

#include <fstream>

#include <gmock/gmock.h>
#include <sys/stat.h>

#include "unit/store/fixture.h"

namespace hubcache::store {
namespace {

using StagingTest = StoreTest;
using test::kind_thrown_by;

const std::string kContent = random_text(5 * kMiB + 1'234);

std::filesystem::path file_of_fill(const std::filesystem::path& data_dir, const char* ending) {
  for (const auto& file : std::filesystem::directory_iterator(data_dir / "fills")) {
    if (file.path().extension() == ending) return file.path();
  }
  return {};
}

TEST_F(StagingTest, ABlobCanBeOpenedOnceItIsSealedAndNotBefore) {
  auto staging = stage(kContent);
  write_all(*staging, kContent);
  runner.run(staging->verify());
  EXPECT_EQ(stored(kContent), std::nullopt);
  runner.run(staging->seal());
  EXPECT_EQ(stored(kContent), kContent);
  EXPECT_EQ(files_in_fills(), 0U);
}

TEST_F(StagingTest, BytesMayComeInAnyOrderAndAnyPieces) {
  auto staging = stage(kContent);
  write(*staging, kContent, 3 * kMiB + 17, kContent.size());
  write(*staging, kContent, 0, kMiB - 1);
  write(*staging, kContent, kMiB - 1, 3 * kMiB + 17);
  runner.run(staging->verify());
  runner.run(staging->seal());
  EXPECT_EQ(stored(kContent), kContent);
}

TEST_F(StagingTest, AGitBlobIsVerifiedAsGitDoes) {
  const auto digest = digest_of("hello\n", Digest::Algorithm::kGitSha1);
  EXPECT_EQ(digest.hex(), "ce013625030ba8dba906f756967f9e9ca394464a");
  auto staging = stage({.digest = digest, .size = 6, .origin = "https://hub", .via = "model/a"});
  write_all(*staging, "hello\n");
  runner.run(staging->verify());
  runner.run(staging->seal());
  EXPECT_EQ(stored(digest), "hello\n");
}

TEST_F(StagingTest, AnEmptyBlobNeedsNoBytes) {
  auto staging = stage("");
  EXPECT_TRUE(staging->blocks().complete());
  runner.run(staging->verify());
  runner.run(staging->seal());
  EXPECT_EQ(stored(""), "");
}

TEST_F(StagingTest, FalseBytesAreNeverSealed) {
  auto flipped = kContent;
  flipped[2 * kMiB] = static_cast<char>(flipped[2 * kMiB] ^ 1);
  auto staging = stage(kContent);
  write_all(*staging, flipped);
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(kind_thrown_by([&] { runner.run(staging->verify()); }), Error::Kind::kCorrupt);
  }
  EXPECT_EQ(kind_thrown_by([&] { runner.run(staging->seal()); }), Error::Kind::kInternal);
  runner.run(staging->discard());
  EXPECT_EQ(stored(kContent), std::nullopt);
  EXPECT_EQ(files_in_fills(), 0U);
}

TEST_F(StagingTest, BytesThatAreThereAreNotWrittenOver) {
  auto staging = stage(kContent);
  write(*staging, kContent, 100, 200);
  const std::string other(kContent.size(), 'x');
  write(*staging, other, 150, 180);
  write_all(*staging, kContent);
  write_all(*staging, other);
  EXPECT_NO_THROW(runner.run(staging->verify()));
}

TEST_F(StagingTest, OfTwoWritesOfTheSameBytesAtOnceTheFirstWins) {
  auto staging = stage(kContent);
  const std::string other(kContent.size(), 'x');
  auto both = [](Staging& to, std::string_view right, std::string_view wrong,
                 test::Runner& on) -> std::pair<std::future<void>, std::future<void>> {
    // On one worker, so the second begins while the first is in the pool or done.
    auto first = on.start(to.write(0, bytes_of(right)));
    auto second = on.start(to.write(0, bytes_of(wrong)));
    return {std::move(first), std::move(second)};
  };
  auto [first, second] = both(*staging, kContent, other, runner);
  first.get();
  second.get();
  EXPECT_NO_THROW(runner.run(staging->verify()));
}

TEST_F(StagingTest, MoreBytesThanTheBlobHasAreRefused) {
  auto staging = stage(kContent);
  const auto late = [&] { runner.run(staging->write(kContent.size() - 1, bytes_of("ab"))); };
  EXPECT_EQ(kind_thrown_by(late), Error::Kind::kCorrupt);
  const auto far = [&] { runner.run(staging->write(~std::uint64_t{0}, bytes_of("ab"))); };
  EXPECT_EQ(kind_thrown_by(far), Error::Kind::kCorrupt);
}

TEST_F(StagingTest, HashingFollowsTheContiguousPrefix) {
  auto staging = stage(kContent);
  write(*staging, kContent, 2 * kMiB, 3 * kMiB);
  runner.run(staging->hash_ahead());
  EXPECT_EQ(staging->hashed(), 0U);
  write(*staging, kContent, 0, 2 * kMiB);
  runner.run(staging->hash_ahead());
  EXPECT_EQ(staging->hashed(), 3 * kMiB);
}

TEST_F(StagingTest, VerifyWaitsForAHashThatIsRunning) {
  auto staging = stage(kContent);
  write_all(*staging, kContent);
  auto hashing = runner.start(staging->hash_ahead());
  auto verifying = runner.start(staging->verify());
  hashing.get();
  verifying.get();
  EXPECT_TRUE(staging->verified());
}

TEST_F(StagingTest, OnlyWhatWasCheckpointedIsResumed) {
  auto staging = stage(kContent);
  write(*staging, kContent, 0, 2 * kMiB + 500);
  runner.run(staging->checkpoint());
  EXPECT_EQ(staging->bytes_since_checkpoint(), 0U);
  write(*staging, kContent, 3 * kMiB, 4 * kMiB);
  staging.reset();
  restart();

  staging = stage(kContent);
  EXPECT_EQ(staging->blocks().contiguous_end(0), 2 * kMiB);
  EXPECT_EQ(staging->blocks().blocks_present(), 2U);
  EXPECT_EQ(staging->via(), "model/a");
  write(*staging, kContent, 2 * kMiB, kContent.size());
  runner.run(staging->verify());
  runner.run(staging->seal());
  EXPECT_EQ(stored(kContent), kContent);
}

TEST_F(StagingTest, AParkedFillIsResumedByTheSameProcessToo) {
  auto staging = stage(kContent);
  write(*staging, kContent, 0, 3 * kMiB);
  runner.run(staging->park());
  staging.reset();
  EXPECT_EQ(stage(kContent)->blocks().blocks_present(), 3U);
}

TEST_F(StagingTest, ATornMapTailIsIgnoredAndWrittenOver) {
  auto staging = stage(kContent);
  write(*staging, kContent, 0, kMiB);
  runner.run(staging->checkpoint());
  staging.reset();
  std::ofstream(file_of_fill(options.data_dir, ".map"), std::ios::app) << "torn";

  staging = stage(kContent);
  EXPECT_EQ(staging->blocks().blocks_present(), 1U);
  write(*staging, kContent, kMiB, 2 * kMiB);
  runner.run(staging->checkpoint());
  staging.reset();
  EXPECT_EQ(stage(kContent)->blocks().blocks_present(), 2U);
}

TEST_F(StagingTest, ACorruptMapRecordIsIgnoredAndTheOthersCount) {
  auto staging = stage(kContent);
  for (std::uint64_t block = 0; block < 3; ++block) {
    write(*staging, kContent, block * kMiB, (block + 1) * kMiB);
    runner.run(staging->checkpoint());
  }
  staging.reset();
  std::fstream map(file_of_fill(options.data_dir, ".map"), std::ios::in | std::ios::out);
  map.seekp(16 + 5);
  map.put('\x7f');
  map.close();

  staging = stage(kContent);
  EXPECT_EQ(staging->blocks().blocks_present(), 2U);
  EXPECT_FALSE(staging->blocks().has(1));
}

TEST_F(StagingTest, APartOfAnotherSizeIsThrownAway) {
  auto staging = stage(kContent);
  write(*staging, kContent, 0, 2 * kMiB);
  runner.run(staging->checkpoint());
  staging.reset();
  std::filesystem::resize_file(file_of_fill(options.data_dir, ".part"), 2 * kMiB);
  EXPECT_EQ(stage(kContent)->blocks().blocks_present(), 0U);
}

TEST_F(StagingTest, DiscardedBytesAreNotResumed) {
  auto staging = stage(kContent);
  write(*staging, kContent, 0, 2 * kMiB);
  runner.run(staging->checkpoint());
  runner.run(staging->discard());
  staging.reset();
  EXPECT_EQ(stage(kContent)->blocks().blocks_present(), 0U);
}

TEST_F(StagingTest, BytesOfTwoOriginsNeverMeet) {
  auto one = stage(kContent, "model/a", "https://one");
  write(*one, kContent, 0, 2 * kMiB);
  runner.run(one->checkpoint());
  const auto two = stage(kContent, "model/a", "https://two");
  EXPECT_EQ(two->blocks().blocks_present(), 0U);
}

TEST_F(StagingTest, OneBlobOfAnOriginIsStagedOnceAtATime) {
  auto staging = stage(kContent);
  EXPECT_EQ(kind_thrown_by([&] { stage(kContent); }), Error::Kind::kConflict);
  staging.reset();
  EXPECT_NO_THROW(stage(kContent));
}

TEST_F(StagingTest, TheRepoAllBytesCameThroughIsKnownUntilAnotherJoins) {
  auto staging = stage(kContent, "model/a");
  const auto digest = staging->digest();
  write(*staging, kContent, 0, kMiB);
  runner.run(staging->checkpoint());
  staging.reset();
  restart();
  EXPECT_EQ(runner.run(store->parked_via("https://hub", digest)), "model/a");
  EXPECT_EQ(runner.run(store->parked_via("https://other", digest)), std::nullopt);
  EXPECT_EQ(stage(kContent, "model/b")->via(), "");
  EXPECT_EQ(stage(kContent, "model/a")->via(), "");
}

TEST_F(StagingTest, AFillWithoutBytesTakesTheRepoOfWhoComesNext) {
  stage(kContent, "model/a");
  auto staging = stage(kContent, "model/b");
  EXPECT_EQ(staging->via(), "model/b");
  runner.run(staging->mix());
  EXPECT_EQ(staging->via(), "");
  EXPECT_EQ(runner.run(store->parked_via("https://hub", staging->digest())), "");
}

TEST_F(StagingTest, AStoredBlobIsReadOnlyAndItsOwnersAlone) {
  put(kContent);
  struct stat about{};
  ASSERT_EQ(::stat(blob_file(digest_of(kContent)).c_str(), &about), 0);
  EXPECT_EQ(about.st_mode & 07777, 0400U);
}

TEST_F(StagingTest, ReadersOfTheFillReadOnAfterTheSeal) {
  auto staging = stage(kContent);
  const auto file = staging->file();
  write_all(*staging, kContent);
  runner.run(staging->verify());
  runner.run(staging->seal());
  staging.reset();
  std::string text(kContent.size(), '\0');
  PosixDisk().pread(*file, 0, std::as_writable_bytes(std::span(text)));
  EXPECT_EQ(text, kContent);
}

TEST_F(StagingTest, AfterAFailedSyncNothingMoreIsRecordedOrSealed) {
  auto staging = stage(kContent);
  write_all(*staging, kContent);
  runner.run(staging->verify());
  disk.fail_call(1);
  EXPECT_EQ(kind_thrown_by([&] { runner.run(staging->checkpoint()); }), Error::Kind::kIo);
  EXPECT_EQ(kind_thrown_by([&] { runner.run(staging->seal()); }), Error::Kind::kIo);
  staging.reset();
  EXPECT_EQ(stage(kContent)->blocks().blocks_present(), 0U);
}

TEST_F(StagingTest, AFullDiskIsNoSpaceAndTheBytesAreNotMarked) {
  auto staging = stage(kContent);
  disk.room_for(kMiB / 2);
  EXPECT_EQ(kind_thrown_by([&] { write(*staging, kContent, 0, kMiB); }), Error::Kind::kNoSpace);
  EXPECT_EQ(staging->blocks().contiguous_end(0), 0U);
  disk.room_for(kContent.size());
  write_all(*staging, kContent);
  EXPECT_NO_THROW(runner.run(staging->verify()));
}

}  // namespace
}  // namespace hubcache::store
