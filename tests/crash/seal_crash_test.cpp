// The way of a blob, from its first byte to its row, with a loss of power at every call that it
// makes of the disk, SQLite's included (DESIGN 4).
#include <set>

#include "support/sqlite_disk.h"
#include "unit/store/fixture.h"

namespace hubcache::store {
namespace {

using Loss = FaultyDisk::Loss;

const std::string kSealed = random_text(3 * kMiB + 99);
constexpr std::uint64_t kEnough = 1'000;

class SealCrashTest : public StoreTest, public ::testing::WithParamInterface<Loss> {
 protected:
  SealCrashTest() {
    stop();
    sqlite_ = std::make_unique<test::SqliteOnDisk>(disk);
    start();
  }
  ~SealCrashTest() override {
    runner.stop();
    stop();
  }

  void stop() {
    store.reset();
    database.reset();
  }
  void lose_power() {
    disk.crash_at_call(1);  // nothing that is done from now on reaches it
    stop();
    disk.crash(GetParam());
  }

  /// What a download does, with a stop in the middle; a failure ends it. True when all went well.
  bool download() {
    checkpointed_ = 0;
    try {
      auto staging = stage(kSealed);
      write(*staging, kSealed, 0, kMiB);
      if (checkpoints_) runner.run(staging->checkpoint());
      if (checkpoints_) checkpointed_ = 1;
      write_all(*staging, kSealed);
      if (checkpoints_) runner.run(staging->checkpoint());
      if (checkpoints_) checkpointed_ = 4;
      runner.run(staging->verify());
      runner.run(staging->seal());
      return true;
    } catch (const Error&) {
      return false;
    }
  }

  /// What was recorded is there, and right.
  void expect_claims_are_true(std::uint64_t least) {
    auto staging = stage(kSealed);
    EXPECT_GE(staging->blocks().blocks_present(), least);
    for (std::uint64_t block = 0; block < staging->blocks().block_count(); ++block) {
      if (!staging->blocks().has(block)) continue;
      const auto span = staging->blocks().span_of(block);
      std::string text(span.length(), '\0');
      PosixDisk().pread(*staging->file(), span.begin, std::as_writable_bytes(std::span(text)));
      EXPECT_EQ(text, kSealed.substr(span.begin, span.length())) << "block " << block;
    }
  }

  /// Once the lost were looked for, each file has a row that eviction and gc come to.
  void expect_no_orphan() {
    runner.run(store->adopt_lost());
    const auto rows = runner.run(store->list(std::nullopt, 100));
    std::set<std::filesystem::path> known;
    for (const auto& row : rows) known.insert(blob_file(row.digest));
    for (const auto& item :
         std::filesystem::recursive_directory_iterator(options.data_dir / "blobs")) {
      if (item.is_regular_file()) EXPECT_TRUE(known.contains(item.path())) << item.path();
    }
    const auto fills = database->read_now([](db::Connection& sql) {
      auto count = sql.query("SELECT count(*) FROM fills");
      count.step();
      return count.integer(0);
    });
    EXPECT_LE(files_in_fills(), static_cast<std::size_t>(2 * fills));
  }

  /// After a start: what DESIGN 4 promises, and the download goes on from there.
  void expect_promises(bool finished, std::uint64_t checkpointed) {
    expect_no_orphan();
    const auto after = stored(kSealed);
    if (after) {
      ASSERT_EQ(*after, kSealed);
    } else {
      ASSERT_FALSE(finished) << "a sealed blob stays";
      ASSERT_NO_FATAL_FAILURE(expect_claims_are_true(checkpointed));
      ASSERT_TRUE(download());
      ASSERT_EQ(stored(kSealed), kSealed);
    }
    ASSERT_EQ(files_in_fills(), 0U);
  }

  void lose_power_at_every_call() {
    bool finished = false;
    for (std::uint64_t n = 1; !finished; ++n) {
      ASSERT_LT(n, kEnough);
      SCOPED_TRACE("call " + std::to_string(n));
      start_afresh();
      disk.crash_at_call(n);
      finished = download();
      const auto checkpointed = checkpointed_;
      lose_power();
      start();
      ASSERT_NO_FATAL_FAILURE(expect_promises(finished, checkpointed));
    }
  }

  void start_afresh() {
    for (const auto& file : std::filesystem::directory_iterator(options.data_dir / "fills")) {
      std::filesystem::remove(file);
    }
    std::filesystem::remove(blob_file(digest_of(kSealed)));
    lose_rows();
    restart();
    disk.crash(Loss::kNothing);
  }

  bool checkpoints_ = true;         // as long downloads have them
  std::uint64_t checkpointed_ = 0;  // blocks, as the last download() was told

 private:
  std::unique_ptr<test::SqliteOnDisk> sqlite_;
};

TEST_P(SealCrashTest, ALossOfPowerAtAnyCallLeavesTheRightBlobOrWhatWasCheckpointed) {
  lose_power_at_every_call();
}

TEST_P(SealCrashTest, ALossOfPowerAtAnyCallOfAShortDownloadLeavesTheRightBlobOrNothing) {
  checkpoints_ = false;
  lose_power_at_every_call();
}

// Every call of the start, after a loss at some of those of the download.
TEST_P(SealCrashTest, ALossOfPowerDuringTheStartAfterOneLosesNothingMore) {
  bool finished = false;
  for (std::uint64_t n = 11; !finished; n += 11) {
    bool started = false;
    for (std::uint64_t m = 1; !started; ++m) {
      ASSERT_LT(m, kEnough);
      SCOPED_TRACE("call " + std::to_string(n) + ", call " + std::to_string(m) + " of the start");
      start_afresh();
      disk.crash_at_call(n);
      finished = download();
      const auto checkpointed = checkpointed_;
      lose_power();
      disk.crash_at_call(m);
      try {
        start();
        started = true;
      } catch (const Error&) {
        started = false;
      }
      lose_power();
      start();
      ASSERT_NO_FATAL_FAILURE(expect_promises(finished, checkpointed));
    }
  }
}

TEST_P(SealCrashTest, AFailureOfAnyCallLeavesTheRightBlobOrNothing) {
  bool finished = false;
  for (std::uint64_t n = 1; !finished; ++n) {
    ASSERT_LT(n, kEnough);
    SCOPED_TRACE("call " + std::to_string(n));
    start_afresh();
    disk.fail_call(n);
    finished = download();
    disk.stop_failing();
    // The same process tries again, then the machine goes down.
    const auto after = stored(kSealed);
    if (after) {
      ASSERT_EQ(*after, kSealed);
    } else {
      ASSERT_TRUE(download());
    }
    const auto used = store->used();
    lose_power();
    start();
    ASSERT_NO_FATAL_FAILURE(expect_promises(true, 0));
    ASSERT_EQ(store->used(), used);
  }
}

INSTANTIATE_TEST_SUITE_P(Losses, SealCrashTest,
                         ::testing::Values(Loss::kNothing, Loss::kBytes, Loss::kNames,
                                           Loss::kBoth));

}  // namespace
}  // namespace hubcache::store
