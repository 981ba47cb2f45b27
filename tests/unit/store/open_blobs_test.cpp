#include "hubcache/store/open_blobs.h"

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <thread>

#include "unit/store/fixture.h"

namespace hubcache::store {
namespace {

using namespace std::chrono_literals;

class OpenBlobsTest : public StoreTest {
 protected:
  std::shared_ptr<const Blob> open(OpenBlobs& blobs, std::string_view content) {
    return runner.run(blobs.open(digest_of(content)));
  }
  /// What its file is, of a blob that is not open then.
  Disk::FileSize file_of(OpenBlobs& blobs, std::string_view content) {
    const auto size = store->size(*open(blobs, content)->file);
    blobs.forget(digest_of(content));
    return size.value();
  }
  /// Where there is room for one alone.
  void close_one_for_two() {
    OpenBlobs blobs(*store, runner.executor(), 1);
    open(blobs, "one");
    open(blobs, "two");
  }
  std::int64_t last_used(std::string_view content) {
    return database->write_now([digest = digest_of(content)](db::Connection& sql) {
      auto row = sql.query("SELECT last_used FROM blobs WHERE digest = ?1", digest.text());
      return row.step() ? row.integer(0) : 0;
    });
  }
};

TEST_F(OpenBlobsTest, AnOpenBlobIsFoundWithoutTheDisk) {
  put("one");
  OpenBlobs blobs(*store, runner.executor());
  EXPECT_EQ(blobs.find(digest_of("one")), nullptr);
  const auto blob = open(blobs, "one");
  ASSERT_NE(blob, nullptr);
  disk.crash_at_call(1);
  EXPECT_EQ(blobs.find(digest_of("one")), blob);
  EXPECT_EQ(open(blobs, "one"), blob);
}

TEST_F(OpenBlobsTest, WhatTheStoreHasNotIsNull) {
  OpenBlobs blobs(*store, runner.executor());
  EXPECT_EQ(open(blobs, "none"), nullptr);
  EXPECT_EQ(blobs.size(), 0U);
}

TEST_F(OpenBlobsTest, TheLeastRecentlyUsedOneIsClosedFirst) {
  for (const auto* content : {"one", "two", "three"}) put(content);
  OpenBlobs blobs(*store, runner.executor(), 2);
  open(blobs, "one");
  open(blobs, "two");
  blobs.find(digest_of("one"));
  open(blobs, "three");
  EXPECT_EQ(blobs.size(), 2U);
  EXPECT_NE(blobs.find(digest_of("one")), nullptr);
  EXPECT_EQ(blobs.find(digest_of("two")), nullptr);
}

TEST_F(OpenBlobsTest, AForgottenBlobIsAskedOfTheStoreAgain) {
  put("one");
  OpenBlobs blobs(*store, runner.executor());
  open(blobs, "one");
  runner.run(store->remove(digest_of("one")));
  blobs.forget(digest_of("one"));
  EXPECT_EQ(open(blobs, "one"), nullptr);
}

TEST_F(OpenBlobsTest, OneIsOpenedBrieflyWhileItIsTheFileThatItWas) {
  put("one");
  OpenBlobs blobs(*store, runner.executor());
  const auto digest = digest_of("one");
  const auto expected = file_of(blobs, "one");
  const auto file = blobs.open_briefly(digest, expected);
  ASSERT_NE(file, nullptr);
  EXPECT_EQ(store->size(*file)->inode, expected.inode);
  EXPECT_EQ(blobs.size(), 0U);

  // What somebody put there since is nothing that was hashed (SECURITY 14).
  const auto path = blob_file(digest);
  std::filesystem::rename(path, path.string() + ".kept");
  EXPECT_EQ(blobs.open_briefly(digest, expected), nullptr);
  std::ofstream(path) << "two";
  EXPECT_EQ(blobs.open_briefly(digest, expected), nullptr);
  std::filesystem::rename(path.string() + ".kept", path);
  EXPECT_NE(blobs.open_briefly(digest, expected), nullptr);
  std::filesystem::last_write_time(path, std::filesystem::file_time_type::clock::now());
  EXPECT_EQ(blobs.open_briefly(digest, expected), nullptr);
}

TEST_F(OpenBlobsTest, OneThatIsOpenedBrieflyCountsUntilItsReaderHasEnded) {
  put("one");
  OpenBlobs blobs(*store, runner.executor());
  const auto digest = digest_of("one");
  const auto expected = file_of(blobs, "one");
  auto file = blobs.open_briefly(digest, expected);
  runner.run(store->remove(digest));
  EXPECT_GT(store->used(), 0U);
  file.reset();
  EXPECT_EQ(store->used(), 0U);
}

TEST_F(OpenBlobsTest, AUseOfWhatIsNotOpenIsWrittenWithTheOthers) {
  put("one");
  const auto stored = last_used("one");
  clock.advance(1min);
  {
    OpenBlobs blobs(*store, runner.executor());
    blobs.note_use(digest_of("one"));
  }
  EXPECT_EQ(last_used("one"), stored + 60);
}

TEST_F(OpenBlobsTest, TwoWhoOpenABlobAtOnceShareIt) {
  put("one");
  OpenBlobs blobs(*store, runner.executor());
  auto first = runner.start(blobs.open(digest_of("one")));
  auto second = runner.start(blobs.open(digest_of("one")));
  EXPECT_EQ(first.get(), second.get());
}

TEST_F(OpenBlobsTest, UsesAreWrittenInBatches) {
  put("one");
  put("two");
  const auto stored = last_used("one");
  {
    OpenBlobs blobs(*store, runner.executor());
    open(blobs, "one");
    open(blobs, "two");
    clock.advance(1min);
    blobs.find(digest_of("one"));
    EXPECT_EQ(last_used("one"), stored);
    clock.advance(10min);
    blobs.find(digest_of("two"));
    EXPECT_EQ(last_used("one"), stored + 60);
    EXPECT_EQ(last_used("two"), stored + 660);
    clock.advance(1min);
    blobs.find(digest_of("one"));
    EXPECT_EQ(last_used("one"), stored + 60);
  }
  EXPECT_EQ(last_used("one"), stored + 720);
}

TEST_F(OpenBlobsTest, TheUseOfABlobThatIsClosedIsNotForgotten) {
  put("one");
  put("two");
  clock.advance(10min);
  const auto stored = last_used("one");
  close_one_for_two();
  EXPECT_EQ(last_used("one"), stored + 600);
}

TEST_F(OpenBlobsTest, WhatHasToCloseSoonAfterItsLastUseIsNotWritten) {
  put("one");
  put("two");
  clock.advance(9min);
  const auto stored = last_used("one");
  close_one_for_two();
  EXPECT_EQ(last_used("one"), stored);
  EXPECT_EQ(last_used("two"), stored + 540) << "was open to the end";
}

TEST_F(OpenBlobsTest, WhatIsClosedInNumbersIsWrittenWithoutTheRest) {
  put("kept");
  for (int i = 0; i < 300; ++i) put("closed " + std::to_string(i));
  const auto stored = last_used("kept");
  clock.advance(10min);
  OpenBlobs blobs(*store, runner.executor(), 2);
  open(blobs, "kept");
  for (int i = 0; i < 300; ++i) {
    open(blobs, "closed " + std::to_string(i));
    blobs.find(digest_of("kept"));
  }
  EXPECT_EQ(last_used("closed 0"), stored + 600);
  EXPECT_EQ(last_used("closed 299"), stored) << "still open";
  EXPECT_EQ(last_used("kept"), stored);
}

TEST_F(OpenBlobsTest, IdleBlobsAreClosedAndReadOnesAreNot) {
  for (const auto* content : {"idle", "read", "sent"}) put(content);
  OpenBlobs blobs(*store, runner.executor());
  open(blobs, "idle");
  const auto read = open(blobs, "read");
  const auto sent = open(blobs, "sent")->file;
  blobs.close_idle({digest_of("idle"), digest_of("read"), digest_of("sent"), digest_of("none")});
  EXPECT_EQ(blobs.find(digest_of("idle")), nullptr);
  EXPECT_EQ(blobs.find(digest_of("read")), read);
  EXPECT_NE(blobs.find(digest_of("sent")), nullptr);
}

/// A blob that two workers have open.
class DoubtTest : public OpenBlobsTest {
 protected:
  DoubtTest() {
    put("one");
    file = open(here, "one")->file;
    open(there, "one");
  }
  void doubt() {
    runner.call([this] { here.doubt(*file); });
  }
  bool has(OpenBlobs& blobs) {
    return runner.call([&] { return blobs.find(digest_of("one")) != nullptr; });
  }
  std::filesystem::path aside() const {
    return options.data_dir / "quarantine" / ("sha256-" + digest_of("one").hex());
  }

  OpenBlobs here{*store, runner.executor()};
  OpenBlobs there{*store, runner.executor()};
  std::shared_ptr<const Fd> file;
};

TEST_F(DoubtTest, NoWorkerHasADoubtedOneUntilItIsChecked) {
  disk.hold(FaultyDisk::Call::kRead);
  doubt();
  doubt();
  while (disk.waiting() == 0) std::this_thread::yield();
  for (auto* blobs : {&here, &there}) {
    EXPECT_FALSE(has(*blobs));
    EXPECT_EQ(open(*blobs, "one"), nullptr);
  }
  EXPECT_EQ(disk.waiting(), 1U);
  disk.release();
  while (open(here, "one") == nullptr) std::this_thread::yield();
  EXPECT_NE(open(there, "one"), nullptr);
  EXPECT_NE(open(here, "one")->file, file);  // which may have been the trouble
  EXPECT_FALSE(std::filesystem::exists(aside()));
}

TEST_F(DoubtTest, AFalseOneIsPutAside) {
  const auto path = blob_file(digest_of("one"));
  std::filesystem::permissions(path, std::filesystem::perms::owner_all);
  std::filesystem::resize_file(path, 1);
  doubt();
  while (!std::filesystem::exists(aside())) std::this_thread::yield();
  EXPECT_FALSE(has(there));
  EXPECT_EQ(open(here, "one"), nullptr);
}

TEST_F(DoubtTest, OneThatIsNotOpenHereCanBeDoubtedToo) {
  const auto digest = digest_of("one");
  const auto expected = store->size(*file).value();
  runner.call([&] { here.forget(digest); });
  disk.hold(FaultyDisk::Call::kRead);
  runner.call([&] { here.doubt(digest); });
  while (disk.waiting() == 0) std::this_thread::yield();
  EXPECT_EQ(here.open_briefly(digest, expected), nullptr);
  disk.release();
  while (open(here, "one") == nullptr) std::this_thread::yield();
  EXPECT_NE(here.open_briefly(digest, expected), nullptr);
}

TEST_F(DoubtTest, ADoubtEndsWhenNothingCanBeChecked) {
  disk.fail(FaultyDisk::Call::kOpen, EIO);
  doubt();
  const auto is_doubted = [this] {
    try {
      return open(here, "one") == nullptr;
    } catch (const Error&) {
      return false;  // the disk was asked
    }
  };
  while (is_doubted()) std::this_thread::yield();
  disk.stop_failing();
  EXPECT_NE(open(here, "one"), nullptr);
}

TEST_F(DoubtTest, AFileThatIsNoOpenBlobsIsNobodysMatter) {
  const auto other = disk.open(blob_file(digest_of("one")));
  EXPECT_FALSE(runner.call([&] { return here.doubt(*other); }));
  EXPECT_TRUE(has(here));
  EXPECT_TRUE(has(there));
}

}  // namespace
}  // namespace hubcache::store
