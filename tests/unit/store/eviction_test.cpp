// What goes to make room, and what stays.
#include <fstream>
#include <memory>
#include <thread>

#include "unit/store/eviction_fixture.h"

namespace hubcache::store {
namespace {

using namespace std::chrono_literals;

TEST_F(EvictionTest, WhatWasUsedLongestAgoMakesRoom) {
  put_old(4);
  EXPECT_EQ(which(), "0123");
  put(contents[4]);
  EXPECT_EQ(which(), "1234");
  put(contents[5]);
  EXPECT_EQ(which(), "2345");
  EXPECT_LE(store->used(), options.max_size);
  EXPECT_EQ(stored(contents[0]), std::nullopt);
  put(contents[0]);
  EXPECT_EQ(stored(contents[0]), contents[0]);
}

TEST_F(EvictionTest, AHitThatNobodyWroteDownYetCounts) {
  OpenBlobs blobs(*store, runner.executor());
  put_old(4);
  open(blobs, 0);
  runner.call([&] { blobs.find(digest_of(contents[0])); });
  put(contents[4]);
  EXPECT_EQ(which(), "0234");
}

TEST_F(EvictionTest, AnOpenFileThatNobodyReadsIsClosedForIt) {
  OpenBlobs blobs(*store, runner.executor());
  put_old(1);
  open(blobs, 0);
  clock.advance(1min);
  put_old(1, 4);
  put(contents[4]);
  EXPECT_EQ(which(), "1234");
  EXPECT_EQ(blobs.size(), 0U);
  EXPECT_LE(store->used(), options.max_size);
}

TEST_F(EvictionTest, WhatIsBeingReadStays) {
  OpenBlobs blobs(*store, runner.executor());
  put_old(4);
  const auto reader = open(blobs, 0);
  clock.advance(48h);
  put(contents[4]);
  EXPECT_EQ(which(), "0234");
  std::string text(reader->size, '\0');
  PosixDisk().pread(*reader->file, 0, std::as_writable_bytes(std::span(text)));
  EXPECT_EQ(text, contents[0]);
}

TEST_F(EvictionTest, WhatIsPinnedStaysAndGoesAfterItsLastPin) {
  put_old(4);
  for (const auto* holder : {"one", "two"}) runner.run(store->pin(digest_of(contents[0]), holder));
  put(contents[4]);
  EXPECT_EQ(which(), "0234");
  runner.run(store->unpin(digest_of(contents[0]), "one"));
  restart();
  put(contents[5]);
  EXPECT_EQ(which(), "0345");
  clock.advance(48h);
  runner.run(store->unpin(digest_of(contents[0]), "two"));
  put(contents[1]);
  EXPECT_EQ(which(), "1345");
}

TEST_F(EvictionTest, PartialFillsGoInTheirTurn) {
  auto part = stage(contents[0]);
  write(*part, contents[0], 0, 6 * kMiB);
  runner.run(part->checkpoint());
  part.reset();
  clock.advance(1min);
  put_old(1, 5);
  put(contents[5]);
  EXPECT_EQ(which(), "2345");
  EXPECT_EQ(files_in_fills(), 0U);
  EXPECT_EQ(runner.run(store->parked_via("https://hub", digest_of(contents[0]))), std::nullopt);
}

TEST_F(EvictionTest, AFillThatIsRunningStays) {
  auto part = stage(contents[0]);
  write(*part, contents[0], 0, 6 * kMiB);
  clock.advance(1min);
  put_old(1, 4);
  put(contents[4]);
  EXPECT_EQ(which(), "234");
  write(*part, contents[0], 6 * kMiB, 8 * kMiB);
  runner.run(part->verify());
  runner.run(part->seal());
  EXPECT_EQ(stored(contents[0]), contents[0]);
}

TEST_F(EvictionTest, ARangeFillThatGrowsMakesRoomAsItGoes) {
  put_old(4);
  const auto content = random_text(20 * kMiB, 7);
  auto request = request_of("", content.size(), false);
  request.digest = digest_of(content);
  auto part = stage(request);
  for (std::uint64_t at = 0; at < content.size(); at += 4 * kMiB) {
    write(*part, content, at, at + 4 * kMiB);
    EXPECT_LE(store->used(), options.max_size);
    EXPECT_LE(on_disk(), options.max_size);
  }
  EXPECT_EQ(which(), "23");
}

TEST_F(EvictionTest, WhatIsPinnedWhileOthersGoStays) {
  std::vector<std::string> small;
  for (std::uint64_t i = 0; i < 100; ++i) small.push_back(random_text(kMiB / 4, i));
  for (const auto& content : small) {
    put(content);
    clock.advance(1min);
  }
  clock.advance(48h);
  options.min_free = 20 * kMiB;
  restart();
  disk.say_free(0);
  disk.hold(FaultyDisk::Call::kName);
  auto room = runner.start(store->restore_room());
  while (disk.waiting() == 0) std::this_thread::yield();
  const auto pinned = digest_of(small[70]);  // not of the first that go together
  runner.run(store->pin(pinned, "me"));
  disk.release();
  room.get();
  EXPECT_TRUE(std::filesystem::exists(blob_file(pinned)));
  EXPECT_FALSE(std::filesystem::exists(blob_file(digest_of(small[71]))));
}

TEST_F(EvictionTest, AFullDiskMakesRoomAndIsWrittenAgain) {
  put_old(2);
  auto part = stage(contents[2]);
  disk.room_for(3 * kMiB);
  disk.say_free(0);
  EXPECT_EQ(kind_thrown_by([&] { write_all(*part, contents[2]); }), Error::Kind::kNoSpace);
  EXPECT_EQ(which(), "");
  disk.room_for(FaultyDisk::kNever);
  disk.say_free(FaultyDisk::kNever);
  write_all(*part, contents[2]);
  runner.run(part->verify());
}

TEST_F(EvictionTest, Security15ASizeAboveTheCacheEvictsNothing) {
  put_old(4);
  for (const bool whole : {true, false}) {
    EXPECT_EQ(kind_of_staging(request_of("large", 41 * kMiB, whole)), Error::Kind::kNoSpace);
  }
  EXPECT_EQ(which(), "0123");
}

TEST_F(EvictionTest, Security19AFillEvictsAQuarterOfTheCacheAtMostThatWasUsedWithinADay) {
  for (std::size_t i = 0; i < 4; ++i) put(contents[i]);
  // 8 MiB are free: 20 need two of the blobs, which is more than a quarter.
  EXPECT_EQ(kind_of_staging(request_of("large", 20 * kMiB)), Error::Kind::kNoSpace);
  EXPECT_EQ(which(), "0123");
  put(contents[4]);
  EXPECT_EQ(which().size(), 4U);
  clock.advance(25h);
  EXPECT_NO_THROW(stage(request_of("large", 20 * kMiB)));
  EXPECT_EQ(which().size(), 2U);
}

TEST_F(EvictionTest, NothingGoesWhereItWouldNotHelp) {
  put_old(2);
  const auto running = stage(request_of("running", 20 * kMiB));
  EXPECT_EQ(kind_of_staging(request_of("large", 30 * kMiB)), Error::Kind::kNoSpace);
  EXPECT_EQ(which(), "01");
}

TEST_F(EvictionTest, RoomIsMadeAheadOfNeedFromWhatIsOld) {
  put_old(4);
  put(random_text(7 * kMiB, 9));  // fits as it is
  // 39 of 40 MiB are used: less is free than is kept ahead.
  while (has(0)) std::this_thread::yield();
  EXPECT_EQ(which(), "123");
}

TEST_F(EvictionTest, AStartEndsAnEvictionThatWasBegun) {
  put_old(2);
  const auto both = store->used();
  database->write_now([](db::Connection& sql) {
    sql.script("UPDATE blobs SET state = 1 WHERE digest IN (SELECT digest FROM blobs LIMIT 1)");
  });
  restart();
  EXPECT_EQ(which().size(), 1U);
  EXPECT_EQ(store->used(), both / 2);
  EXPECT_EQ(store->used(), on_disk());
}

TEST_F(EvictionTest, WhatOthersWroteIsMadeUpForHoweverRecentlyAllWasUsed) {
  const auto database_file = dir / "other.db";
  options.also_counted = {database_file};
  restart();
  put_four();
  std::ofstream(database_file) << random_text(20 * kMiB);
  const auto others = PosixDisk().bytes_on_disk(database_file);
  EXPECT_EQ(store->used(), on_disk() + others);
  EXPECT_TRUE(store->overdrawn_check()());
  EXPECT_EQ(kind_of_staging(request_of("new", 8 * kMiB)), Error::Kind::kNoSpace);
  EXPECT_EQ(which(), "0123") << "a fill may remove a quarter of the cache";

  EXPECT_TRUE(runner.run(store->restore_room()));
  EXPECT_EQ(which(), "23");
  EXPECT_FALSE(store->overdrawn_check()());
  EXPECT_LE(store->used(), options.max_size);
  put(contents[4]);
  EXPECT_EQ(which(), "34");
}

TEST_F(EvictionTest, WhatOthersWroteRemovesNothingThatIsPinnedOrReadAndNothingInVain) {
  const auto database_file = dir / "other.db";
  options.also_counted = {database_file};
  restart();
  put_four();
  for (std::size_t i : {0U, 1U}) runner.run(store->pin(digest_of(contents[i]), "a"));
  std::ofstream(database_file) << random_text(28 * kMiB);
  EXPECT_FALSE(runner.run(store->restore_room()));
  EXPECT_EQ(which(), "0123");
  OpenBlobs blobs(*store, runner.executor(), 2);
  const auto reader = open(blobs, 0);
  runner.run(store->unpin(digest_of(contents[0]), "a"));
  std::ofstream(database_file) << random_text(23 * kMiB);
  EXPECT_TRUE(runner.run(store->restore_room()));
  EXPECT_EQ(which(), "01");
  EXPECT_TRUE(runner.run(store->restore_room()));
  EXPECT_EQ(which(), "01");
}

TEST_F(EvictionTest, TheFloorIsMadeUpForWhenOthersTakeTheDisk) {
  options.max_size = 0;
  options.min_free = 16 * kMiB;
  restart();
  disk.say_size(64 * kMiB);
  put_four();
  EXPECT_TRUE(runner.run(store->restore_room()));
  EXPECT_EQ(which(), "0123");
  std::ofstream(options.data_dir / "others") << random_text(28 * kMiB);
  ASSERT_LT(disk.free_space(options.data_dir), options.min_free);
  EXPECT_TRUE(store->overdrawn_check()());
  EXPECT_TRUE(runner.run(store->restore_room()));
  EXPECT_EQ(which(), "23");
  EXPECT_GE(disk.free_space(options.data_dir), options.min_free);
  EXPECT_FALSE(store->overdrawn_check()());
}

TEST_F(EvictionTest, WhereNothingIsFreedByItNoMoreGoesForAWhile) {
  options.max_size = 0;
  options.min_free = 16 * kMiB;
  restart();
  put_four();
  disk.say_free(8 * kMiB);  // whatever goes: a snapshot holds it
  EXPECT_TRUE(runner.run(store->restore_room()));
  EXPECT_EQ(which(), "123");
  clock.advance(9min);
  EXPECT_TRUE(runner.run(store->restore_room()));
  EXPECT_EQ(which(), "123");
  clock.advance(1min);
  EXPECT_TRUE(runner.run(store->restore_room()));
  EXPECT_EQ(which(), "23");
}

}  // namespace
}  // namespace hubcache::store
