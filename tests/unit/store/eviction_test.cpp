// Room is made for what is new by what was used longest ago.
#include <fstream>
#include <future>
#include <memory>
#include <thread>
#include <vector>

#include <gmock/gmock.h>

#include "hubcache/store/open_blobs.h"

#include "unit/store/fixture.h"

namespace hubcache::store {
namespace {

using namespace std::chrono_literals;
using test::kind_thrown_by;

/// A cache of 40 MiB: four blobs of 8 MiB fit, with what else a fill takes.
class EvictionTest : public StoreTest {
 protected:
  EvictionTest() {
    options.max_size = 40 * kMiB;
    restart();
    for (std::uint64_t i = 0; i < 6; ++i) contents.push_back(random_text(8 * kMiB, 100 + i));
  }
  /// The first four contents, each used a minute after the one before.
  void put_four() {
    for (std::size_t i = 0; i < 4; ++i) {
      put(contents[i]);
      clock.advance(1min);
    }
  }

  /// One after another, each a minute later; then two days pass.
  void put_old(std::size_t count) { put_old(0, count); }
  void put_old(std::size_t begin, std::size_t end) {
    for (std::size_t i = begin; i < end; ++i) {
      put(contents[i]);
      clock.advance(1min);
    }
    clock.advance(48h);
  }
  bool has(std::size_t index) {
    return std::filesystem::exists(blob_file(digest_of(contents[index])));
  }
  std::string which() {
    std::string all;
    for (std::size_t i = 0; i < contents.size(); ++i) {
      if (has(i)) all += static_cast<char>('0' + i);
    }
    return all;
  }
  std::shared_ptr<const Blob> open(OpenBlobs& blobs, std::size_t index) {
    return runner.run(blobs.open(digest_of(contents[index])));
  }
  Error::Kind kind_of_staging(StageRequest request) {
    return kind_thrown_by([&] { stage(request); });
  }
  StageRequest request_of(std::string_view name, std::uint64_t size, bool whole = true) {
    return {
        .digest = digest_of(name), .size = size, .origin = "hub", .via = "model/a", .whole = whole};
  }
  std::uint64_t on_disk() const {
    std::uint64_t bytes = 0;
    for (const auto* part : {"blobs", "fills"}) {
      for (const auto& file :
           std::filesystem::recursive_directory_iterator(options.data_dir / part)) {
        if (!file.is_regular_file()) continue;
        bytes += PosixDisk().size(*PosixDisk().open(file.path())).on_disk;
      }
    }
    return bytes;
  }

  std::vector<std::string> contents;
};

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

TEST_F(EvictionTest, SpaceOfARemovedBlobIsFreeWhenItsLastReaderHasGone) {
  put_old(1);
  auto reader = runner.run(store->open(digest_of(contents[0])));
  const auto before = store->used();
  runner.run(store->remove(digest_of(contents[0])));
  EXPECT_EQ(store->used(), before);
  reader.reset();
  EXPECT_EQ(store->used(), 0U);
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

TEST_F(EvictionTest, TheFloorIsKeptByEvictionToo) {
  put_old(3);
  options.min_free = 10 * kMiB;
  restart();
  disk.say_free(10 * kMiB);
  EXPECT_EQ(kind_of_staging(request_of("new", 2 * kMiB)), Error::Kind::kNoSpace);
  // A disk that says the same after the removal: what frees nothing yet is not repeated at once.
  EXPECT_EQ(which(), "12");
  EXPECT_EQ(kind_of_staging(request_of("new", 2 * kMiB)), Error::Kind::kNoSpace);
  EXPECT_EQ(which(), "12");
  clock.advance(std::chrono::minutes(10));
  EXPECT_EQ(kind_of_staging(request_of("new", 2 * kMiB)), Error::Kind::kNoSpace);
  EXPECT_EQ(which(), "2");
  disk.say_free(12 * kMiB);
  EXPECT_NO_THROW(stage(request_of("new", kMiB)));
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

TEST_F(EvictionTest, ManyFillsAtOnceNeverPassTheCap) {
  put_old(4);
  std::vector<std::future<std::unique_ptr<Staging>>> asked;
  for (int i = 0; i < 16; ++i) {
    asked.push_back(runner.start(store->stage(request_of(std::to_string(i), 6 * kMiB))));
  }
  std::size_t begun = 0;
  std::vector<std::unique_ptr<Staging>> stagings;
  for (auto& answer : asked) {
    try {
      stagings.push_back(answer.get());
      ++begun;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), Error::Kind::kNoSpace);
    }
    EXPECT_LE(store->used(), options.max_size);
  }
  EXPECT_EQ(begun, 6U);
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

TEST_F(EvictionTest, Security14ABlobSealedJustBeforeACrashIsCountedAndHashedAgain) {
  put_old(1);
  const auto counted = store->used();
  const auto name = "sha256-" + digest_of(contents[0]).hex() + "-0123456789abcdef";
  database->write_now([&](db::Connection& sql) {
    sql.script("DELETE FROM blobs");
    sql.run("INSERT INTO fills VALUES (?1, ?2, 'hub', 'model/a', ?3, 0)", name,
            digest_of(contents[0]).text(), contents[0].size());
  });
  restart();
  EXPECT_EQ(store->used(), counted);
  const auto file = blob_file(digest_of(contents[0]));
  std::filesystem::permissions(file, std::filesystem::perms::owner_all);
  std::fstream(file, std::ios::in | std::ios::out | std::ios::binary) << "false";
  EXPECT_EQ(stored(contents[0]), std::nullopt);
  EXPECT_EQ(store->used(), 0U);
}

TEST_F(EvictionTest, ABlobFoundAgainIsCountedOnce) {
  put_old(1);
  const auto counted = store->used();
  database->write_now([](db::Connection& sql) { sql.script("UPDATE blobs SET state = 2"); });
  restart();
  EXPECT_EQ(stored(contents[0]), contents[0]);
  EXPECT_EQ(store->used(), counted);
  disk.crash_at_call(FaultyDisk::kNever);
  EXPECT_EQ(stored(contents[0]), contents[0]);
  EXPECT_LE(disk.calls(), 2U);  // opened and looked at, not hashed again
}

TEST_F(EvictionTest, FilesOfOthersThatCountLeaveLessRoom) {
  const auto database_file = dir / "other.db";
  options.also_counted = {database_file, dir / "other.db-wal"};
  restart();
  put_old(3);
  std::ofstream(database_file) << random_text(12 * kMiB);
  put(contents[3]);
  EXPECT_EQ(which(), "123");
  EXPECT_LE(on_disk() + PosixDisk().bytes_on_disk(database_file), options.max_size);
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

TEST_F(EvictionTest, TheForecastOfRoomIsWhatStagingFinds) {
  const auto room = [this](std::uint64_t wished) { return runner.run(store->room(wished)); };
  const auto expect_true = [&](std::uint64_t size) {
    const bool said = room(size) == size;
    bool found = true;
    try {
      stage(request_of(std::to_string(size), size));
    } catch (const Error&) {
      found = false;
    }
    EXPECT_EQ(said, found) << size / kMiB;
  };
  EXPECT_EQ(room(8 * kMiB), 8 * kMiB);
  EXPECT_LT(room(41 * kMiB), 41 * kMiB);
  EXPECT_GT(room(41 * kMiB), 39 * kMiB);
  put_old(4);
  const auto before = which();
  EXPECT_EQ(room(30 * kMiB), 30 * kMiB);
  EXPECT_EQ(which(), before) << "a forecast evicts nothing";
  for (const auto size : {9 * kMiB, 39 * kMiB, 41 * kMiB}) expect_true(size);

  // All of it was used within a day: a quarter of the cache is there for one fill.
  restart();
  for (std::size_t i = 0; i < 4; ++i) put(contents[i]);
  for (const auto size : {17 * kMiB, 25 * kMiB, 9 * kMiB}) expect_true(size);
  disk.fail(FaultyDisk::Call::kLook, EIO);
  EXPECT_EQ(room(1), 0U);
}

TEST_F(EvictionTest, ABlobThatTwoOriginsBroughtIsCountedOnce) {
  auto other = stage(contents[0], "model/a", "https://other");
  write_all(*other, contents[0]);
  runner.run(other->verify());
  put(contents[0]);
  const auto counted = on_disk();
  runner.run(other->seal());
  other.reset();
  EXPECT_EQ(store->used(), on_disk());
  EXPECT_LT(on_disk(), counted);
}

TEST_F(EvictionTest, WhatIsCountedIsNeverLessThanWhatIsOnDisk) {
  const auto content = random_text(9 * kMiB + 5, 3);
  auto request = request_of("", content.size(), false);
  request.digest = digest_of(content);
  auto part = stage(request);
  // A byte in each block, then pieces of them, then the rest.
  for (std::uint64_t at = 0; at < content.size(); at += kMiB) write(*part, content, at, at + 1);
  EXPECT_LE(on_disk(), store->used());
  write(*part, content, 100, 3 * kMiB);
  runner.run(part->checkpoint());
  EXPECT_LE(on_disk(), store->used());
  part.reset();
  EXPECT_LE(on_disk(), store->used());
  restart();
  EXPECT_EQ(store->used(), on_disk());
}

/// Of a disk of 64 MiB, 16 MiB have to stay free; no other cap. Many threads write.
class FloorTest : public EvictionTest {
 protected:
  FloorTest() {
    options.max_size = 0;
    options.min_free = kFloor;
    disk.say_size(64 * kMiB);
    store =
        std::make_unique<Store>(options, disk, *database, writers_, runner.executor(), clock, log);
    store->recover();
  }
  ~FloorTest() override {
    runner.stop();
    store.reset();
  }
  StageRequest request_for(std::string_view content, bool whole) {
    auto request = request_of("", content.size(), whole);
    request.digest = digest_of(content);
    return request;
  }

  static constexpr std::uint64_t kFloor = 16 * kMiB;

 private:
  Pool writers_{"disk", 8};
};

TEST_F(FloorTest, ABlockThatIsBegunIsThereToBeWritten) {
  const auto begun = random_text(30 * kMiB, 1);
  auto first = stage(request_for(begun, false));
  for (std::uint64_t at = 0; at < begun.size(); at += kMiB) write(*first, begun, at, at + 1);
  const auto content = random_text(30 * kMiB, 2);
  EXPECT_EQ(kind_of_staging(request_for(content, true)), Error::Kind::kNoSpace);
  write_all(*first, begun);
  EXPECT_GE(disk.least_free(), kFloor);
}

TEST_F(FloorTest, HoldsAtEveryMomentWhileManyFillsBeginAndGrow) {
  put_old(4);
  constexpr std::size_t kFills = 16;
  std::vector<std::string> texts;
  std::vector<std::future<std::unique_ptr<Staging>>> asked;
  for (std::size_t i = 0; i < kFills; ++i) {
    texts.push_back(random_text(5 * kMiB + i, 200 + i));
    asked.push_back(runner.start(store->stage(request_for(texts.back(), i % 2 == 0))));
  }
  std::vector<std::unique_ptr<Staging>> stagings;
  std::vector<std::future<void>> writes;
  for (std::size_t i = 0; i < kFills; ++i) {
    try {
      stagings.push_back(asked[i].get());
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), Error::Kind::kNoSpace);
      continue;
    }
    const std::string_view text = texts[i];
    for (std::uint64_t at = 0; at < text.size(); at += 300'000) {
      writes.push_back(
          runner.start(stagings.back()->write(at, bytes_of(text.substr(at, 300'000)))));
    }
  }
  std::size_t written = 0;
  for (auto& one : writes) {
    try {
      one.get();
      ++written;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), Error::Kind::kNoSpace);
    }
  }
  EXPECT_GE(disk.least_free(), kFloor);
  EXPECT_GT(written, writes.size() / 2);
}

}  // namespace
}  // namespace hubcache::store
