#include "hubcache/store/store.h"

#include <fstream>
#include <functional>
#include <future>
#include <vector>

#include <boost/asio/post.hpp>
#include <gmock/gmock.h>
#include <sys/stat.h>

#include "unit/store/fixture.h"

namespace hubcache::store {
namespace {

using namespace std::chrono_literals;
using test::kind_thrown_by;

const std::string kContent = random_text(2 * kMiB + 77);

class LimitedStoreTest : public StoreTest {
 protected:
  void limit(std::uint64_t max_size, std::uint64_t min_free) {
    options.max_size = max_size;
    options.min_free = min_free;
    restart();
  }
};

TEST_F(StoreTest, AnUnknownDigestIsAValueNotAnError) {
  EXPECT_EQ(stored("nothing"), std::nullopt);
  EXPECT_FALSE(runner.run(store->contains(digest_of("nothing"))));
}

TEST_F(StoreTest, ABlobOutlivesARestart) {
  put(kContent);
  restart();
  EXPECT_EQ(stored(kContent), kContent);
}

TEST_F(StoreTest, ARowWithoutAFileIsAMissAndHeals) {
  put(kContent);
  std::filesystem::remove(blob_file(digest_of(kContent)));
  EXPECT_EQ(stored(kContent), std::nullopt);
  EXPECT_EQ(store->used(), 0U);
  put(kContent);
  EXPECT_EQ(stored(kContent), kContent);
}

TEST_F(StoreTest, ARowThatWasReadBeforeIsTheOneThatCounts) {
  put(kContent);
  const auto digest = digest_of(kContent);
  const auto read = [&digest](db::Connection& sql) { return Store::row_of(sql, digest); };
  const auto row = database->read_now(read);
  ASSERT_TRUE(row);
  EXPECT_EQ(row->used, clock.now());
  EXPECT_TRUE(runner.run(store->open(digest, row)));
  auto leaving = *row;
  leaving.state = BlobState::kLeaving;
  EXPECT_FALSE(runner.run(store->open(digest, leaving)));
  std::filesystem::remove(blob_file(digest));
  EXPECT_FALSE(runner.run(store->open(digest, row)));
  EXPECT_FALSE(database->read_now(read)) << "a row without a file goes";
}

TEST_F(StoreTest, AFileThatOpensAtOnceTakesNoThreadOfTheDisk) {
  put(kContent);
  std::promise<void> end;
  const auto ended = end.get_future().share();
  for (int thread = 0; thread < 2; ++thread) {
    asio::post(pool.threads(), [ended] { ended.wait(); });
  }
  EXPECT_TRUE(runner.run(store->open(digest_of(kContent))));
  end.set_value();
}

// Of a fifo the end was waited for, and a link could not be opened: neither was ever replaced.
TEST_F(StoreTest, WhatIsNoPlainFileIsAMissAndIsReplaced) {
  const auto file = blob_file(digest_of(kContent));
  const std::vector<std::function<void()>> others{
      [&] { std::filesystem::create_symlink(dir / "moved", file); },
      [&] { ASSERT_EQ(::mkfifo(file.c_str(), S_IRUSR | S_IWUSR), 0); }};
  for (const auto& make_other : others) {
    put(kContent);
    std::filesystem::rename(file, dir / "moved");
    make_other();
    EXPECT_EQ(stored(kContent), std::nullopt);
    EXPECT_EQ(store->used(), 0U);
    put(kContent);
    EXPECT_TRUE(std::filesystem::is_regular_file(std::filesystem::symlink_status(file)));
    EXPECT_EQ(stored(kContent), kContent);
    EXPECT_TRUE(runner.run(store->remove(digest_of(kContent))));
  }
}

TEST_F(StoreTest, ADirectoryInThePlaceOfAFileIsAMiss) {
  put(kContent);
  const auto file = blob_file(digest_of(kContent));
  std::filesystem::remove(file);
  std::filesystem::create_directory(file);
  EXPECT_EQ(stored(kContent), std::nullopt);
  EXPECT_EQ(store->used(), 0U);
  std::filesystem::remove(file);
  put(kContent);
  EXPECT_EQ(stored(kContent), kContent);
}

TEST_F(StoreTest, AFileOfTheWrongSizeIsAMissAndGoes) {
  put(kContent);
  const auto file = blob_file(digest_of(kContent));
  std::filesystem::permissions(file, std::filesystem::perms::owner_all);
  std::filesystem::resize_file(file, 100);
  EXPECT_EQ(stored(kContent), std::nullopt);
  EXPECT_FALSE(std::filesystem::exists(file));
}

TEST_F(StoreTest, Security14AFileWithoutARowIsHashedAgainBeforeItsFirstByte) {
  put(kContent);
  lose_rows();
  restart();
  EXPECT_EQ(stored(kContent), kContent);

  const auto other = digest_of("what the name says");
  std::ofstream(blob_file(other)) << "something else";
  EXPECT_EQ(stored(other), std::nullopt);
  EXPECT_FALSE(std::filesystem::exists(blob_file(other)));
}

TEST_F(StoreTest, FilesThatNoRowSpeaksOfAreFoundAndCountOnce) {
  put(kContent);
  const auto used = store->used();
  lose_rows();
  restart();
  EXPECT_EQ(store->used(), 0U);
  EXPECT_EQ(runner.run(store->adopt_lost()), 1U);
  EXPECT_EQ(store->used(), used);
  EXPECT_EQ(runner.run(store->list(std::nullopt, 10)).size(), 1U);
  EXPECT_EQ(runner.run(store->adopt_lost()), 0U);
  EXPECT_EQ(stored(kContent), kContent);
  EXPECT_EQ(store->used(), used);
}

TEST_F(StoreTest, ManyWhoAskForAnAdoptedFileGetItAfterOneHash) {
  put(kContent);
  lose_rows();
  restart();
  std::vector<std::future<std::optional<Blob>>> asked;
  for (int i = 0; i < 8; ++i) asked.push_back(runner.start(store->open(digest_of(kContent))));
  for (auto& answer : asked) EXPECT_TRUE(answer.get().has_value());
  EXPECT_EQ(store->used(),
            std::filesystem::file_size(blob_file(digest_of(kContent))) / 4096 * 4096 + 4096);
}

TEST_F(StoreTest, ARemovedBlobIsReadOnByWhoHasItOpen) {
  put(kContent);
  const auto blob = runner.run(store->open(digest_of(kContent)));
  EXPECT_TRUE(runner.run(store->remove(digest_of(kContent))));
  EXPECT_FALSE(runner.run(store->remove(digest_of(kContent))));
  EXPECT_EQ(stored(kContent), std::nullopt);
  std::string text(blob->size, '\0');
  PosixDisk().pread(*blob->file, 0, std::as_writable_bytes(std::span(text)));
  EXPECT_EQ(text, kContent);
}

TEST_F(StoreTest, AStartRemovesFilesOfFillsItDoesNotKnow) {
  stage(kContent);
  std::ofstream(options.data_dir / "fills" / "stray") << "x";
  lose_rows();
  restart();
  EXPECT_EQ(files_in_fills(), 0U);
}

TEST_F(StoreTest, AStartLeavesWhatItCannotRemoveThere) {
  std::filesystem::create_directory(options.data_dir / "fills" / "lost+found");
  std::ofstream(options.data_dir / "fills" / "stray") << "x";
  restart();
  EXPECT_EQ(files_in_fills(), 1U);
  put(kContent);
  EXPECT_EQ(stored(kContent), kContent);
}

TEST_F(StoreTest, AStartForgetsFillsWhosePartIsGone) {
  stage(kContent);
  for (const auto& file : std::filesystem::directory_iterator(options.data_dir / "fills")) {
    if (file.path().extension() == ".part") std::filesystem::remove(file);
  }
  restart();
  EXPECT_EQ(files_in_fills(), 0U);
  EXPECT_EQ(runner.run(store->parked_via("https://hub", digest_of(kContent))), std::nullopt);
}

TEST_F(StoreTest, SpaceIsCountedWhileItIsPromisedStoredAndFreed) {
  auto staging = stage(kContent);
  EXPECT_GE(store->used(), kContent.size());
  write_all(*staging, kContent);
  runner.run(staging->verify());
  runner.run(staging->seal());
  staging.reset();
  const auto on_disk = store->used();
  EXPECT_GE(on_disk, kContent.size());
  EXPECT_LT(on_disk, kContent.size() + kMiB);
  restart();
  EXPECT_EQ(store->used(), on_disk);
  runner.run(store->remove(digest_of(kContent)));
  EXPECT_EQ(store->used(), 0U);
}

TEST_F(StoreTest, ADiscardedFillGivesItsSpaceBack) {
  auto staging = stage(kContent);
  write_all(*staging, kContent);
  runner.run(staging->discard());
  staging.reset();
  EXPECT_EQ(store->used(), 0U);
}

TEST_F(LimitedStoreTest, AFillThatWouldPassTheSizeCapIsNoSpace) {
  limit(10 * kMiB, 0);
  const StageRequest big{.digest = digest_of("big"), .size = 11 * kMiB, .origin = {}, .via = {}};
  EXPECT_EQ(kind_thrown_by([&] { stage(big); }), Error::Kind::kNoSpace);
  EXPECT_EQ(files_in_fills(), 0U);
  EXPECT_NO_THROW(stage(kContent));
}

TEST_F(LimitedStoreTest, PromisesToOtherFillsCount) {
  limit(10 * kMiB, 0);
  const StageRequest half{.digest = digest_of("1"), .size = 6 * kMiB, .origin = {}, .via = {}};
  const StageRequest other{.digest = digest_of("2"), .size = 6 * kMiB, .origin = {}, .via = {}};
  auto first = stage(half);
  EXPECT_EQ(kind_thrown_by([&] { stage(other); }), Error::Kind::kNoSpace);
  first.reset();
  EXPECT_NO_THROW(stage(other));
}

TEST_F(LimitedStoreTest, TheFreeSpaceFloorHolds) {
  limit(0, 100 * kMiB);
  disk.say_free(102 * kMiB);
  EXPECT_EQ(kind_thrown_by([&] { stage(kContent); }), Error::Kind::kNoSpace);
  disk.say_free(103 * kMiB);
  EXPECT_NO_THROW(stage(kContent));
}

TEST_F(LimitedStoreTest, ARangeFillOnlyNeedsSpaceForWhatItWrites) {
  limit(14 * kMiB, 0);
  const auto other = stage({.digest = digest_of("1"), .size = 6 * kMiB, .origin = {}, .via = {}});
  const auto content = random_text(12 * kMiB);
  auto staging = stage({.digest = digest_of(content),
                        .size = content.size(),
                        .origin = {},
                        .via = {},
                        .whole = false});
  EXPECT_NO_THROW(write(*staging, content, 5 * kMiB, 7 * kMiB));
  EXPECT_EQ(kind_thrown_by([&] { write_all(*staging, content); }), Error::Kind::kNoSpace);
}

TEST_F(LimitedStoreTest, AFileLargerThanTheCacheIsNeverBegun) {
  limit(10 * kMiB, 0);
  const StageRequest large{
      .digest = digest_of("1"), .size = 11 * kMiB, .origin = {}, .via = {}, .whole = false};
  EXPECT_EQ(kind_thrown_by([&] { stage(large); }), Error::Kind::kNoSpace);
}

TEST_F(StoreTest, AnAbsurdSizeIsNoSpace) {
  const StageRequest absurd{
      .digest = digest_of("x"), .size = std::uint64_t{1} << 50, .origin = {}, .via = {}};
  EXPECT_EQ(kind_thrown_by([&] { stage(absurd); }), Error::Kind::kNoSpace);
  EXPECT_EQ(files_in_fills(), 0U);
}

TEST_F(StoreTest, Security12ABadDigestIsRememberedForThirtyDaysPerOrigin) {
  const auto digest = digest_of(kContent);
  EXPECT_EQ(store->bad_since("https://hub", digest), std::nullopt);
  const auto then = clock.now();
  runner.run(store->remember_bad("https://hub", digest));
  EXPECT_EQ(store->bad_since("https://hub", digest), then);
  EXPECT_EQ(store->bad_since("https://other", digest), std::nullopt);
  clock.advance(24h);
  restart();
  EXPECT_EQ(store->bad_since("https://hub", digest), then);
  clock.advance(24h * 29);
  EXPECT_EQ(store->bad_since("https://hub", digest), std::nullopt);
}

TEST_F(StoreTest, Security12AnotherFalseDownloadIsRememberedFromThenOn) {
  const auto digest = digest_of(kContent);
  runner.run(store->remember_bad("https://hub", digest));
  clock.advance(24h * 29);
  const auto then = clock.now();
  runner.run(store->remember_bad("https://hub", digest));
  clock.advance(24h * 29);
  EXPECT_EQ(store->bad_since("https://hub", digest), then);
}

TEST_F(StoreTest, Security12OfManyBadDigestsTheLatestAreRemembered) {
  const auto rows = [&] {
    return database->read_now([](db::Connection& sql) {
      auto row = sql.query("SELECT count(*) FROM bad_digests");
      return row.step() ? row.integer(0) : 0;
    });
  };
  runner.run(store->remember_bad("https://hub", digest_of("first")));
  clock.advance(1h);
  const auto until = clock.now().time_since_epoch() + 24h * 30;
  database->write_now([&](db::Connection& sql) {
    for (int i = 0; i < 9'999; ++i) {
      sql.run("INSERT INTO bad_digests (origin, digest, until) VALUES ('https://hub', ?1, ?2)",
              digest_of(std::to_string(i)).text(),
              std::chrono::floor<std::chrono::seconds>(until).count());
    }
  });
  restart();
  EXPECT_EQ(rows(), 10'000);
  EXPECT_TRUE(store->bad_since("https://hub", digest_of("first")));
  clock.advance(1h);
  for (int again = 0; again < 2; ++again) {
    runner.run(store->remember_bad("https://hub", digest_of("last")));
    EXPECT_FALSE(store->bad_since("https://hub", digest_of("first")));
    EXPECT_TRUE(store->bad_since("https://hub", digest_of("1")));
    EXPECT_TRUE(store->bad_since("https://hub", digest_of("last")));
    EXPECT_EQ(rows(), 10'000);
    restart();
  }
}

TEST_F(StoreTest, Security12BadDigestsOfOneHubPushOutNoneOfAnother) {
  const auto mine = digest_of("mine");
  runner.run(store->remember_bad("https://hub", mine));
  clock.advance(1h);
  const auto until = clock.now().time_since_epoch() + 24h * 30;
  database->write_now([&](db::Connection& sql) {
    for (int i = 0; i < 10'001; ++i) {
      sql.run("INSERT INTO bad_digests (origin, digest, until) VALUES ('https://hostile', ?1, ?2)",
              digest_of(std::to_string(i)).text(),
              std::chrono::floor<std::chrono::seconds>(until).count());
    }
  });
  restart();
  EXPECT_TRUE(store->bad_since("https://hub", mine));
  runner.run(store->remember_bad("https://hostile", digest_of("one more")));
  EXPECT_TRUE(store->bad_since("https://hub", mine));
  restart();
  EXPECT_TRUE(store->bad_since("https://hub", mine));
}

}  // namespace
}  // namespace hubcache::store
