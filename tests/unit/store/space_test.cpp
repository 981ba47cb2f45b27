// What is counted is what is on disk, and no limit is passed.
#include <cerrno>
#include <fstream>
#include <future>
#include <memory>
#include <vector>

#include "unit/store/eviction_fixture.h"

namespace hubcache::store {
namespace {

using namespace std::chrono_literals;

using SpaceTest = EvictionTest;

TEST_F(SpaceTest, SpaceOfARemovedBlobIsFreeWhenItsLastReaderHasGone) {
  put_old(1);
  auto reader = runner.run(store->open(digest_of(contents[0])));
  const auto before = store->used();
  runner.run(store->remove(digest_of(contents[0])));
  EXPECT_EQ(store->used(), before);
  reader.reset();
  EXPECT_EQ(store->used(), 0U);
}

TEST_F(SpaceTest, TheFloorIsKeptByEvictionToo) {
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

TEST_F(SpaceTest, ManyFillsAtOnceNeverPassTheCap) {
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

TEST_F(SpaceTest, Security14ABlobSealedJustBeforeACrashIsCountedAndHashedAgain) {
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

TEST_F(SpaceTest, ABlobFoundAgainIsCountedOnce) {
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

TEST_F(SpaceTest, FilesOfOthersThatCountLeaveLessRoom) {
  const auto database_file = dir / "other.db";
  options.also_counted = {database_file, dir / "other.db-wal"};
  restart();
  put_old(3);
  std::ofstream(database_file) << random_text(12 * kMiB);
  put(contents[3]);
  EXPECT_EQ(which(), "123");
  EXPECT_LE(on_disk() + PosixDisk().bytes_on_disk(database_file), options.max_size);
}

TEST_F(SpaceTest, TheForecastOfRoomIsWhatStagingFinds) {
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

TEST_F(SpaceTest, ABlobThatTwoOriginsBroughtIsCountedOnce) {
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

TEST_F(SpaceTest, WhatIsCountedIsNeverLessThanWhatIsOnDisk) {
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
