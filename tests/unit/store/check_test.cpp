// A second look at stored blobs: what is not right goes, and is fetched anew.
#include <fstream>
#include <thread>

#include <gmock/gmock.h>
#include <sys/stat.h>

#include "hubcache/store/open_blobs.h"

#include "unit/store/fixture.h"

namespace hubcache::store {
namespace {

using std::chrono::seconds;
using std::chrono::steady_clock;

class CheckTest : public StoreTest {
 protected:
  Check check(std::string_view bytes, std::uint64_t rate = 0) {
    return runner.run(store->check(digest_of(bytes), rate));
  }
  /// A byte of the file is another one from now on; its size stays.
  void damage(std::string_view bytes) {
    const auto file = blob_file(digest_of(bytes));
    std::filesystem::permissions(file, std::filesystem::perms::owner_all);
    std::fstream(file, std::ios::in | std::ios::out | std::ios::binary) << '#';
  }
  std::filesystem::path aside(std::string_view bytes) const {
    return options.data_dir / "quarantine" / ("sha256-" + digest_of(bytes).hex());
  }
  std::vector<std::string> listed(std::optional<Digest> after, std::size_t limit) {
    std::vector<std::string> all;
    for (const auto& blob : runner.run(store->list(std::move(after), limit))) {
      all.push_back(blob.digest.text());
    }
    return all;
  }

  const std::string content = random_text(2 * kMiB + 5);
};

TEST_F(CheckTest, ARightBlobStays) {
  put(content);
  EXPECT_EQ(check(content), Check::kRight);
  EXPECT_EQ(stored(content), content);
}

TEST_F(CheckTest, AFalseOneGoesToQuarantineAndIsFetchedAnew) {
  put(content);
  const auto counted = store->used();
  damage(content);
  EXPECT_EQ(check(content), Check::kFalse);
  EXPECT_EQ(stored(content), std::nullopt);
  EXPECT_TRUE(std::filesystem::exists(aside(content)));
  EXPECT_EQ(store->used(), counted);  // it is on the disk still
  restart();
  EXPECT_EQ(store->used(), counted);
  put(content);
  EXPECT_EQ(check(content), Check::kRight);
  EXPECT_EQ(store->used(), 2 * counted);
}

TEST_F(CheckTest, AFifoOrALinkInItsPlaceIsAMissingFile) {
  for (const bool is_link : {true, false}) {
    put(content);
    const auto file = blob_file(digest_of(content));
    std::filesystem::rename(file, dir / "moved");
    if (is_link) {
      std::filesystem::create_symlink(dir / "moved", file);
    } else {
      ASSERT_EQ(::mkfifo(file.c_str(), S_IRUSR | S_IWUSR), 0);
    }
    EXPECT_EQ(check(content), Check::kMissing);
    EXPECT_EQ(check(content), Check::kUnknown);
  }
}

TEST_F(CheckTest, WhatTookThePlaceOfAFalseOneMeanwhileStays) {
  put(content);
  damage(content);
  disk.hold(FaultyDisk::Call::kRead);
  auto checked = runner.start(store->check(digest_of(content)));
  while (disk.waiting() == 0) std::this_thread::yield();
  std::ofstream(dir / "anew", std::ios::binary) << content;
  std::filesystem::rename(dir / "anew", blob_file(digest_of(content)));
  disk.release();
  EXPECT_EQ(checked.get(), Check::kUnknown);
  EXPECT_FALSE(std::filesystem::exists(aside(content)));
  EXPECT_EQ(stored(content), content);
}

TEST_F(CheckTest, OneThatWasFalseTwiceIsKeptOnce) {
  for (int i = 0; i < 2; ++i) {
    put(content);
    damage(content);
    EXPECT_EQ(check(content), Check::kFalse);
  }
  const auto counted = store->used();
  restart();
  EXPECT_EQ(store->used(), counted);
}

TEST_F(CheckTest, NobodyWhoHasItOpenServesAFalseOneAgain) {
  OpenBlobs blobs(*store, runner.executor());
  put(content);
  runner.run(blobs.open(digest_of(content)));
  damage(content);
  EXPECT_EQ(check(content), Check::kFalse);
  EXPECT_EQ(runner.run(blobs.open(digest_of(content))), nullptr);
}

TEST_F(CheckTest, ARemovedOneIsNotServedAgainByWhoHasItOpen) {
  OpenBlobs blobs(*store, runner.executor());
  put(content);
  runner.run(blobs.open(digest_of(content)));
  runner.run(store->remove(digest_of(content)));
  EXPECT_EQ(runner.run(blobs.open(digest_of(content))), nullptr);
  EXPECT_EQ(store->used(), 0U);
}

TEST_F(CheckTest, WhatCannotBeReadIsFalse) {
  put(content);
  disk.fail_call(3);  // opened, measured, read
  EXPECT_EQ(check(content), Check::kFalse);
  EXPECT_EQ(stored(content), std::nullopt);
}

TEST_F(CheckTest, AMissingFileIsToldAndItsRowGoes) {
  put(content);
  std::filesystem::remove(blob_file(digest_of(content)));
  EXPECT_EQ(check(content), Check::kMissing);
  EXPECT_EQ(check(content), Check::kUnknown);
  EXPECT_EQ(store->used(), 0U);
}

TEST_F(CheckTest, QuarantineMakesRoomBeforeAnythingElse) {
  options.max_size = 10 * kMiB;
  restart();
  put(content);
  damage(content);
  check(content);
  const auto good = random_text(3 * kMiB, 7);
  put(good);
  const auto large = random_text(6 * kMiB, 8);
  put(large);
  EXPECT_FALSE(std::filesystem::exists(aside(content)));
  EXPECT_EQ(stored(good), good);
  EXPECT_LE(store->used(), options.max_size);
}

TEST_F(CheckTest, TheRateIsKept) {
  const auto large = random_text(16 * kMiB, 9);
  put(large);
  const auto begin = steady_clock::now();
  EXPECT_EQ(check(large, 16 * kMiB), Check::kRight);
  EXPECT_GE(steady_clock::now() - begin, std::chrono::milliseconds(500));
}

TEST_F(CheckTest, BlobsAreListedByPages) {
  std::vector<std::string> all;
  for (std::uint64_t i = 0; i < 5; ++i) {
    put(random_text(10, i));
    all.push_back(digest_of(random_text(10, i)).text());
  }
  std::ranges::sort(all);
  EXPECT_EQ(listed(std::nullopt, 10), all);
  EXPECT_EQ(listed(digest_of(random_text(10, 0)), 0), std::vector<std::string>());
  const auto third = *Digest::from_etag(all[2].substr(7));
  EXPECT_THAT(listed(third, 1), testing::ElementsAre(all[3]));
  EXPECT_THAT(listed(third, 10), testing::ElementsAre(all[3], all[4]));
}

}  // namespace
}  // namespace hubcache::store
