#include "hubcache/store/staging.h"

#include <cerrno>
#include <fstream>
#include <thread>

#include <gmock/gmock.h>
#include <sys/stat.h>

#include "unit/store/fixture.h"

namespace hubcache::store {
namespace {

using StagingTest = StoreTest;
using test::kind_thrown_by;

const std::string kStaged = random_text(5 * kMiB + 1'234);

std::filesystem::path file_of_fill(const std::filesystem::path& data_dir, const char* ending) {
  for (const auto& file : std::filesystem::directory_iterator(data_dir / "fills")) {
    if (file.path().extension() == ending) return file.path();
  }
  return {};
}

TEST_F(StagingTest, ABlobCanBeOpenedOnceItIsSealedAndNotBefore) {
  auto staging = stage(kStaged);
  write_all(*staging, kStaged);
  runner.run(staging->verify());
  EXPECT_EQ(stored(kStaged), std::nullopt);
  runner.run(staging->seal());
  EXPECT_EQ(stored(kStaged), kStaged);
  EXPECT_EQ(files_in_fills(), 0U);
}

TEST_F(StagingTest, BytesMayComeInAnyOrderAndAnyPieces) {
  auto staging = stage(kStaged);
  write(*staging, kStaged, 3 * kMiB + 17, kStaged.size());
  write(*staging, kStaged, 0, kMiB - 1);
  write(*staging, kStaged, kMiB - 1, 3 * kMiB + 17);
  runner.run(staging->verify());
  runner.run(staging->seal());
  EXPECT_EQ(stored(kStaged), kStaged);
}

TEST_F(StagingTest, AStartThatFailsLeavesNothing) {
  const auto fails_and_leaves_nothing = [this](const std::string& when) {
    std::unique_ptr<Staging> begun;
    try {
      begun = stage(kStaged);
    } catch (const Error&) {
      EXPECT_EQ(files_in_fills(), 0U) << when;
      EXPECT_EQ(store->used(), 0U) << when;
      return true;
    }
    disk.stop_failing();
    runner.run(begun->discard());
    return false;
  };
  std::uint64_t call = 0;
  do {
    disk.fail_call(++call);
  } while (fails_and_leaves_nothing("call " + std::to_string(call)));
  EXPECT_GT(call, 5U);

  disk.fail(FaultyDisk::Call::kRead, EIO);
  disk.fail(FaultyDisk::Call::kSync, EMFILE);
  EXPECT_TRUE(fails_and_leaves_nothing("no directory can be synced"));
  disk.stop_failing();

  database->write_now([](db::Connection& sql) {
    sql.script(
        "CREATE TRIGGER no_fills BEFORE INSERT ON fills BEGIN SELECT RAISE(ABORT, 'no'); END");
  });
  EXPECT_TRUE(fails_and_leaves_nothing("no row can be written"));
  database->write_now([](db::Connection& sql) { sql.script("DROP TRIGGER no_fills"); });
  EXPECT_FALSE(fails_and_leaves_nothing("it works again"));
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
  auto flipped = kStaged;
  flipped[2 * kMiB] = static_cast<char>(flipped[2 * kMiB] ^ 1);
  auto staging = stage(kStaged);
  write_all(*staging, flipped);
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(kind_thrown_by([&] { runner.run(staging->verify()); }), Error::Kind::kCorrupt);
  }
  EXPECT_EQ(kind_thrown_by([&] { runner.run(staging->seal()); }), Error::Kind::kInternal);
  runner.run(staging->discard());
  EXPECT_EQ(stored(kStaged), std::nullopt);
  EXPECT_EQ(files_in_fills(), 0U);
}

TEST_F(StagingTest, BytesThatAreThereAreNotWrittenOver) {
  auto staging = stage(kStaged);
  write(*staging, kStaged, 100, 200);
  const std::string other(kStaged.size(), 'x');
  write(*staging, other, 150, 180);
  write_all(*staging, kStaged);
  write_all(*staging, other);
  EXPECT_NO_THROW(runner.run(staging->verify()));
}

TEST_F(StagingTest, OfTwoWritesOfTheSameBytesAtOnceTheFirstWins) {
  auto staging = stage(kStaged);
  const std::string other(kStaged.size(), 'x');
  auto both = [](Staging& to, std::string_view right, std::string_view wrong,
                 test::Runner& on) -> std::pair<std::future<void>, std::future<void>> {
    // On one worker, so the second begins while the first is in the pool or done.
    auto first = on.start(to.write(0, bytes_of(right)));
    auto second = on.start(to.write(0, bytes_of(wrong)));
    return {std::move(first), std::move(second)};
  };
  auto [first, second] = both(*staging, kStaged, other, runner);
  first.get();
  second.get();
  EXPECT_NO_THROW(runner.run(staging->verify()));
}

TEST_F(StagingTest, MoreBytesThanTheBlobHasAreRefused) {
  auto staging = stage(kStaged);
  const auto late = [&] { runner.run(staging->write(kStaged.size() - 1, bytes_of("ab"))); };
  EXPECT_EQ(kind_thrown_by(late), Error::Kind::kCorrupt);
  const auto far = [&] { runner.run(staging->write(~std::uint64_t{0}, bytes_of("ab"))); };
  EXPECT_EQ(kind_thrown_by(far), Error::Kind::kCorrupt);
}

TEST_F(StagingTest, HashingFollowsTheContiguousPrefix) {
  auto staging = stage(kStaged);
  write(*staging, kStaged, 2 * kMiB, 3 * kMiB);
  runner.run(staging->hash_ahead());
  EXPECT_EQ(staging->hashed(), 0U);
  write(*staging, kStaged, 0, 2 * kMiB);
  runner.run(staging->hash_ahead());
  EXPECT_EQ(staging->hashed(), 3 * kMiB);
}

TEST_F(StagingTest, WhatComesInOrderIsHashedWithoutBeingRead) {
  auto staging = stage(kStaged);
  disk.fail(FaultyDisk::Call::kRead, EIO);
  write(*staging, kStaged, 0, kMiB + 500);
  EXPECT_EQ(staging->hashed(), kMiB + 500);
  write(*staging, kStaged, kMiB + 500, kStaged.size());
  EXPECT_NO_THROW(runner.run(staging->verify()));
}

TEST_F(StagingTest, WhatComesOutOfOrderIsHashedLater) {
  auto staging = stage(kStaged);
  write(*staging, kStaged, kMiB, 2 * kMiB);
  EXPECT_EQ(staging->hashed(), 0U);
  write(*staging, kStaged, 0, 2 * kMiB);  // half of it is there
  EXPECT_EQ(staging->hashed(), 0U);
  write(*staging, kStaged, 2 * kMiB, kStaged.size());
  EXPECT_NO_THROW(runner.run(staging->verify()));
}

TEST_F(StagingTest, ALittleThatCameOutOfOrderIsHashedWithWhatIsNext) {
  auto staging = stage(kStaged);
  write(*staging, kStaged, kMiB, 2 * kMiB);
  write(*staging, kStaged, 0, kMiB);
  EXPECT_EQ(staging->hashed(), kMiB);
  write(*staging, kStaged, 2 * kMiB, 3 * kMiB);
  EXPECT_EQ(staging->hashed(), 3 * kMiB);
  write(*staging, kStaged, 3 * kMiB, kStaged.size());
  EXPECT_NO_THROW(runner.run(staging->verify()));
}

TEST_F(StagingTest, WritesInOrderThatOverlapAreHashedOnce) {
  auto staging = stage(kStaged);
  disk.hold(FaultyDisk::Call::kWrite);
  auto first = runner.start(staging->write(0, bytes_of(kStaged).first(kMiB)));
  auto second = runner.start(staging->write(kMiB, bytes_of(kStaged).subspan(kMiB)));
  auto hashing = runner.start(staging->hash_ahead());
  while (disk.waiting() < 2) std::this_thread::yield();
  disk.release();
  first.get();
  second.get();
  hashing.get();
  EXPECT_NO_THROW(runner.run(staging->verify()));
}

TEST_F(StagingTest, VerifyWaitsForAHashThatIsRunning) {
  auto staging = stage(kStaged);
  write(*staging, kStaged, kMiB, kStaged.size());
  write(*staging, kStaged, 0, kMiB);
  auto hashing = runner.start(staging->hash_ahead());
  auto verifying = runner.start(staging->verify());
  hashing.get();
  verifying.get();
  EXPECT_TRUE(staging->verified());
}

TEST_F(StagingTest, OnlyWhatWasCheckpointedIsResumed) {
  auto staging = stage(kStaged);
  write(*staging, kStaged, 0, 2 * kMiB + 500);
  runner.run(staging->checkpoint());
  EXPECT_EQ(staging->bytes_since_checkpoint(), 0U);
  write(*staging, kStaged, 3 * kMiB, 4 * kMiB);
  staging.reset();
  restart();

  staging = stage(kStaged);
  EXPECT_EQ(staging->blocks().contiguous_end(0), 2 * kMiB);
  EXPECT_EQ(staging->blocks().blocks_present(), 2U);
  EXPECT_EQ(staging->via(), "model/a");
  write(*staging, kStaged, 2 * kMiB, kStaged.size());
  runner.run(staging->verify());
  runner.run(staging->seal());
  EXPECT_EQ(stored(kStaged), kStaged);
}

class BusyDatabase : public StagingTest {
 protected:
  BusyDatabase() {
    busy_timeout = std::chrono::milliseconds(1);
    restart();
  }
  void lock() { other_.script("BEGIN IMMEDIATE"); }
  void unlock() { other_.script("ROLLBACK"); }

 private:
  db::Connection other_{dir / "hubcache.db", db::Connection::Access::kReadWrite, 5'000};
};

TEST_F(BusyDatabase, CostsACheckpointNoBlocks) {
  auto staging = stage(kStaged);
  write(*staging, kStaged, 0, 3 * kMiB);
  lock();
  EXPECT_EQ(kind_thrown_by([&] { runner.run(staging->checkpoint()); }), Error::Kind::kUnavailable);
  unlock();
  runner.run(staging->checkpoint());
  staging.reset();
  restart();
  EXPECT_EQ(stage(kStaged)->blocks().blocks_present(), 3U);
}

TEST_F(BusyDatabase, HasABlobThatItWasNotToldOfCountOnce) {
  auto staging = stage(kStaged);
  write_all(*staging, kStaged);
  runner.run(staging->verify());
  lock();
  EXPECT_EQ(kind_thrown_by([&] { runner.run(staging->seal()); }), Error::Kind::kIo);
  unlock();
  staging.reset();
  EXPECT_EQ(stored(kStaged), kStaged);
  const auto used = store->used();
  restart();
  EXPECT_EQ(store->used(), used);
}

TEST_F(StagingTest, AParkedFillIsResumedByTheSameProcessToo) {
  auto staging = stage(kStaged);
  write(*staging, kStaged, 0, 3 * kMiB);
  runner.run(staging->checkpoint());
  staging.reset();
  EXPECT_EQ(stage(kStaged)->blocks().blocks_present(), 3U);
}

TEST_F(StagingTest, ATornMapTailIsIgnoredAndWrittenOver) {
  auto staging = stage(kStaged);
  write(*staging, kStaged, 0, kMiB);
  runner.run(staging->checkpoint());
  staging.reset();
  std::ofstream(file_of_fill(options.data_dir, ".map"), std::ios::app) << "torn";

  staging = stage(kStaged);
  EXPECT_EQ(staging->blocks().blocks_present(), 1U);
  write(*staging, kStaged, kMiB, 2 * kMiB);
  runner.run(staging->checkpoint());
  staging.reset();
  EXPECT_EQ(stage(kStaged)->blocks().blocks_present(), 2U);
}

TEST_F(StagingTest, ACorruptMapRecordIsIgnoredAndTheOthersCount) {
  auto staging = stage(kStaged);
  for (std::uint64_t block = 0; block < 3; ++block) {
    write(*staging, kStaged, block * kMiB, (block + 1) * kMiB);
    runner.run(staging->checkpoint());
  }
  staging.reset();
  std::fstream map(file_of_fill(options.data_dir, ".map"), std::ios::in | std::ios::out);
  map.seekp(16 + 5);
  map.put('\x7f');
  map.close();

  staging = stage(kStaged);
  EXPECT_EQ(staging->blocks().blocks_present(), 2U);
  EXPECT_FALSE(staging->blocks().has(1));
}

TEST_F(StagingTest, APartOfAnotherSizeIsThrownAway) {
  auto staging = stage(kStaged);
  write(*staging, kStaged, 0, 2 * kMiB);
  runner.run(staging->checkpoint());
  staging.reset();
  std::filesystem::resize_file(file_of_fill(options.data_dir, ".part"), 2 * kMiB);
  EXPECT_EQ(stage(kStaged)->blocks().blocks_present(), 0U);
}

TEST_F(StagingTest, DiscardedBytesAreNotResumed) {
  auto staging = stage(kStaged);
  write(*staging, kStaged, 0, 2 * kMiB);
  runner.run(staging->checkpoint());
  runner.run(staging->discard());
  staging.reset();
  EXPECT_EQ(stage(kStaged)->blocks().blocks_present(), 0U);
}

TEST_F(StagingTest, BytesOfTwoOriginsNeverMeet) {
  auto one = stage(kStaged, "model/a", "https://one");
  write(*one, kStaged, 0, 2 * kMiB);
  runner.run(one->checkpoint());
  const auto two = stage(kStaged, "model/a", "https://two");
  EXPECT_EQ(two->blocks().blocks_present(), 0U);
}

TEST_F(StagingTest, OneBlobOfAnOriginIsStagedOnceAtATime) {
  auto staging = stage(kStaged);
  EXPECT_EQ(kind_thrown_by([&] { stage(kStaged); }), Error::Kind::kConflict);
  staging.reset();
  EXPECT_NO_THROW(stage(kStaged));
}

TEST_F(StagingTest, TheRepoAllBytesCameThroughIsKnownUntilAnotherJoins) {
  auto staging = stage(kStaged, "model/a");
  const auto digest = staging->digest();
  write(*staging, kStaged, 0, kMiB);
  runner.run(staging->checkpoint());
  staging.reset();
  restart();
  EXPECT_EQ(runner.run(store->parked_via("https://hub", digest)), "model/a");
  EXPECT_EQ(runner.run(store->parked_via("https://other", digest)), std::nullopt);
  const StageRequest keeping{.digest = digest,
                             .size = kStaged.size(),
                             .origin = "https://hub",
                             .via = "model/b",
                             .keep_via = true};
  EXPECT_EQ(stage(keeping)->via(), "model/a");
  EXPECT_EQ(stage(kStaged, "model/b")->via(), "");
  EXPECT_EQ(stage(kStaged, "model/a")->via(), "");
  EXPECT_EQ(stage(keeping)->via(), "");
}

TEST_F(StagingTest, AFillWithoutBytesTakesTheRepoOfWhoComesNext) {
  stage(kStaged, "model/a");
  auto staging = stage(kStaged, "model/b");
  EXPECT_EQ(staging->via(), "model/b");
  runner.run(staging->mix());
  EXPECT_EQ(staging->via(), "");
  EXPECT_EQ(runner.run(store->parked_via("https://hub", staging->digest())), "");
}

TEST_F(StagingTest, AStoredBlobIsReadOnlyAndItsOwnersAlone) {
  put(kStaged);
  struct stat about{};
  ASSERT_EQ(::stat(blob_file(digest_of(kStaged)).c_str(), &about), 0);
  EXPECT_EQ(about.st_mode & 07777, 0400U);
}

TEST_F(StagingTest, ReadersOfTheFillReadOnAfterTheSeal) {
  auto staging = stage(kStaged);
  const auto file = staging->file();
  write_all(*staging, kStaged);
  runner.run(staging->verify());
  runner.run(staging->seal());
  staging.reset();
  std::string text(kStaged.size(), '\0');
  PosixDisk().pread(*file, 0, std::as_writable_bytes(std::span(text)));
  EXPECT_EQ(text, kStaged);
}

TEST_F(StagingTest, AfterAFailedSyncNothingMoreIsRecordedOrSealed) {
  auto staging = stage(kStaged);
  write_all(*staging, kStaged);
  runner.run(staging->verify());
  disk.fail_call(1);
  EXPECT_EQ(kind_thrown_by([&] { runner.run(staging->checkpoint()); }), Error::Kind::kIo);
  EXPECT_EQ(kind_thrown_by([&] { runner.run(staging->seal()); }), Error::Kind::kIo);
  staging.reset();
  EXPECT_EQ(stage(kStaged)->blocks().blocks_present(), 0U);
}

TEST_F(StagingTest, AFullDiskIsNoSpaceAndTheBytesAreNotMarked) {
  auto staging = stage(kStaged);
  disk.room_for(kMiB / 2);
  EXPECT_EQ(kind_thrown_by([&] { write(*staging, kStaged, 0, kMiB); }), Error::Kind::kNoSpace);
  EXPECT_EQ(staging->blocks().contiguous_end(0), 0U);
  disk.room_for(kStaged.size());
  write_all(*staging, kStaged);
  EXPECT_NO_THROW(runner.run(staging->verify()));
}

}  // namespace
}  // namespace hubcache::store
