// A fill, from the first byte to the blob's row, with a loss of power at every call that it makes
// of the disk, SQLite's included (DESIGN 4).
#include "support/sqlite_disk.h"
#include "unit/fill/fixture.h"

namespace hubcache::fill::test {
namespace {

using Loss = FaultyDisk::Loss;

class FillCrashTest : public FillsTest, public testing::WithParamInterface<Loss> {
 protected:
  FillCrashTest() : FillsTest(true), sqlite_(disk_) { serve(some_bytes(4 * kMiB + 99)); }
  ~FillCrashTest() override { end(); }

  void end() {
    if (!cache_) return;
    runner_.run(cache_->fills.park());
    cache_.reset();
  }
  /// As a new one, with its directories made.
  void start_afresh() {
    for (const auto* part : {"blobs", "fills"}) {
      for (const auto& item : std::filesystem::recursive_directory_iterator(dir_.path() / part)) {
        if (item.is_regular_file()) std::filesystem::remove(item);
      }
    }
    cache_->database.write_now(
        [](db::Connection& sql) { sql.script("DELETE FROM blobs; DELETE FROM fills"); });
    end();
    disk_.crash(Loss::kNothing);
    start();
  }
  void lose_power() {
    disk_.crash_at_call(1);  // nothing that is done from now on reaches it
    end();
    disk_.crash(GetParam());
    start();
  }

  /// What a reader of the whole gets, with a checkpoint on the way, until the disk fails it.
  std::string download() {
    std::string got;
    try {
      hold(2 * kMiB, bytes_.size());
      auto joined = join(whole());
      got = read_at_least(joined, kMiB);
      clock_.advance(std::chrono::seconds(6));
      hold(3 * kMiB, bytes_.size());
      while (got.size() < 3 * kMiB) got += next(joined);
      clock_.advance(std::chrono::seconds(6));
      release();
      for (auto more = next(joined); !more.empty(); more = next(joined)) got += more;
    } catch (const Error&) {
      release();
    }
    return got;
  }

  std::uint64_t bytes_recorded() {
    const auto staging = runner_.run(cache_->store.stage(
        {.digest = *digest_, .size = bytes_.size(), .origin = "hub", .via = "repo"}));
    std::uint64_t bytes = 0;
    for (std::uint64_t block = 0; block < staging->blocks().block_count(); ++block) {
      if (staging->blocks().has(block)) bytes += staging->blocks().span_of(block).length();
    }
    return bytes;
  }
  bool is_file(std::string_view ending) const {
    for (const auto& file : std::filesystem::directory_iterator(dir_.path() / "fills")) {
      if (file.path().extension() == ending) return true;
    }
    return false;
  }

  /// Once power is back.
  void expect_promises(bool finished) {
    const std::uint64_t before = delivered();
    const bool stored = is_stored();
    EXPECT_TRUE(stored || !finished) << "a sealed blob stays";
    const std::uint64_t missing = stored ? 0 : bytes_.size() - bytes_recorded();
    ASSERT_EQ(read(whole()), bytes_);
    EXPECT_EQ(delivered() - before, missing) << "only missing blocks are fetched again";
    until_stored();
    runner_.run(cache_->fills.park());
    EXPECT_FALSE(is_file(".part") || is_file(".map")) << "nothing is left over";
  }

 private:
  hubcache::test::SqliteOnDisk sqlite_;
};

TEST_P(FillCrashTest, ALossOfPowerAtAnyCallServesNothingFalseAndLosesNothingThatWasRecorded) {
  constexpr std::uint64_t kEnough = 1'000;
  bool finished = false;
  for (std::uint64_t n = 1; !finished; ++n) {
    ASSERT_LT(n, kEnough);
    SCOPED_TRACE("call " + std::to_string(n));
    start_afresh();
    disk_.crash_at_call(n);
    const auto got = download();
    ASSERT_EQ(got, bytes_.substr(0, got.size()));
    runner_.run(cache_->fills.park());
    finished = disk_.calls() < n;
    EXPECT_TRUE(!finished || got.size() == bytes_.size());
    lose_power();
    ASSERT_NO_FATAL_FAILURE(expect_promises(finished));
  }
}

INSTANTIATE_TEST_SUITE_P(Losses, FillCrashTest,
                         testing::Values(Loss::kNothing, Loss::kBytes, Loss::kNames, Loss::kBoth));

}  // namespace
}  // namespace hubcache::fill::test
