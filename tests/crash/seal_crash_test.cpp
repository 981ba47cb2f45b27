#include <tuple>

#include "unit/store/fixture.h"

namespace hubcache::store {
namespace {

using Loss = FaultyDisk::Loss;

const std::string kContent = random_text(3 * kMiB + 99);

/// What a download does, with a stop in the middle; a failure ends it.
class SealCrashTest : public StoreTest,
                      public ::testing::WithParamInterface<std::tuple<Loss, bool>> {
 protected:
  /// True when all went well.
  bool download() {
    try {
      auto staging = stage(kContent);
      write(*staging, kContent, 0, kMiB);
      runner.run(staging->checkpoint());
      write_all(*staging, kContent);
      runner.run(staging->checkpoint());
      runner.run(staging->verify());
      runner.run(staging->seal());
      return true;
    } catch (const Error&) {
      return false;
    }
  }

  /// Whatever a resumed part claims to have must be right.
  void expect_claims_are_true() {
    auto staging = stage(kContent);
    for (std::uint64_t block = 0; block < staging->blocks().block_count(); ++block) {
      if (!staging->blocks().has(block)) continue;
      const auto span = staging->blocks().span_of(block);
      std::string text(span.length(), '\0');
      PosixDisk().pread(*staging->file(), span.begin, std::as_writable_bytes(std::span(text)));
      EXPECT_EQ(text, kContent.substr(span.begin, span.length())) << "block " << block;
    }
  }

  void start_afresh() {
    for (const auto& file : std::filesystem::directory_iterator(options.data_dir / "fills")) {
      std::filesystem::remove(file);
    }
    std::filesystem::remove(blob_file(digest_of(kContent)));
    lose_rows();
    restart();
    disk.crash(Loss::kNothing);
  }
};

TEST_P(SealCrashTest, ACrashAtAnyCallLeavesTheRightBlobOrNothing) {
  const auto [loss, rows_lost] = GetParam();
  constexpr std::uint64_t kEnough = 1'000;
  bool finished = false;
  for (std::uint64_t n = 1; !finished; ++n) {
    ASSERT_LT(n, kEnough);
    SCOPED_TRACE("call " + std::to_string(n));
    start_afresh();
    disk.crash_at_call(n);
    finished = download();
    disk.crash(loss);
    if (rows_lost) lose_rows();
    restart();

    const auto after = stored(kContent);
    if (finished) {
      ASSERT_EQ(after, kContent);
    } else if (after) {
      ASSERT_EQ(*after, kContent);
    } else {
      ASSERT_NO_FATAL_FAILURE(expect_claims_are_true());
      ASSERT_TRUE(download());
      ASSERT_EQ(stored(kContent), kContent);
    }
    ASSERT_EQ(files_in_fills(), 0U);
  }
}

TEST_P(SealCrashTest, AFailureOfAnyCallLeavesTheRightBlobOrNothing) {
  const auto [loss, rows_lost] = GetParam();
  constexpr std::uint64_t kEnough = 1'000;
  bool finished = false;
  for (std::uint64_t n = 1; !finished; ++n) {
    ASSERT_LT(n, kEnough);
    SCOPED_TRACE("call " + std::to_string(n));
    start_afresh();
    disk.fail_call(n);
    finished = download();
    disk.stop_failing();
    // The same process tries again, then the machine goes down.
    const auto after = stored(kContent);
    if (after) {
      ASSERT_EQ(*after, kContent);
    } else {
      ASSERT_TRUE(download());
    }
    disk.crash(loss);
    if (rows_lost) lose_rows();
    restart();
    const auto later = stored(kContent);
    if (later) {
      ASSERT_EQ(*later, kContent);
    } else {
      ASSERT_FALSE(finished);
      ASSERT_TRUE(download());
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Losses, SealCrashTest,
                         ::testing::Combine(::testing::Values(Loss::kNothing, Loss::kBytes,
                                                              Loss::kNames, Loss::kBoth),
                                            ::testing::Bool()));

}  // namespace
}  // namespace hubcache::store
