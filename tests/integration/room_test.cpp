// A cache that is smaller than what is asked of it.
#include <atomic>
#include <filesystem>
#include <future>
#include <thread>
#include <vector>

#include <sys/stat.h>

#include "integration/fixture.h"

namespace hubcache::test {
namespace {

using namespace std::chrono_literals;
using hubsim::Content;
using hubsim::Fault;
using hubsim::Host;
using hubsim::Storage;

class RoomTest : public ServerTest {
 protected:
  RoomTest() {
    hub.add_repo({.id = "org/room"});
    limit(40 * kMiB);
  }

  void limit(std::uint64_t bytes) {
    config.storage.max_size = {.bytes = bytes};
    restart();
  }
  static std::string path_of(int file) {
    return "/org/room/resolve/main/" + std::to_string(file) + ".bin";
  }
  /// Files 0 to count - 1, in one commit.
  void add_files(int count, std::uint64_t size) {
    std::vector<hubsim::Change> changes;
    for (int file = 0; file < count; ++file) {
      changes.push_back({.path = std::to_string(file) + ".bin",
                         .content = Content::generated(size, 1'000 + static_cast<unsigned>(file)),
                         .storage = Storage::kLfs});
    }
    hub.commit("org/room", "main", std::move(changes));
  }
  std::string bytes_of(int file) { return hub.bytes("org/room", std::to_string(file) + ".bin"); }
  /// Fetches the file and waits until no fill is left of it.
  void fetch_file(int file) {
    const auto answer = get(path_of(file));
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(answer.body, bytes_of(file)) << file;
  }
  /// What the files below the data directory take, by their blocks.
  std::uint64_t on_disk(std::string_view part) const {
    std::uint64_t bytes = 0;
    std::error_code gone;
    for (const auto& item :
         std::filesystem::recursive_directory_iterator(data.path() / part, gone)) {
      struct stat about{};
      if (::stat(item.path().c_str(), &about) != 0 || !S_ISREG(about.st_mode)) continue;
      bytes += static_cast<std::uint64_t>(about.st_blocks) * 512;
    }
    return bytes;
  }
};

TEST_F(RoomTest, MoreThanFitsIsServedAndTheDiskNeverTakesMore) {
  constexpr int kFiles = 24;
  add_files(kFiles, 7 * kMiB);
  std::atomic<bool> ended{false};
  std::uint64_t most = 0;
  std::thread watcher([&] {
    while (!ended) most = std::max(most, on_disk("blobs") + on_disk("fills"));
  });
  std::atomic<int> next{0};
  std::vector<std::future<void>> clients;
  for (int i = 0; i < 3; ++i) {
    clients.push_back(std::async(std::launch::async, [&] {
      for (int file = next++; file < kFiles; file = next++) fetch_file(file);
    }));
  }
  for (auto& client : clients) client.get();
  ended = true;
  watcher.join();
  EXPECT_LE(most, 40 * kMiB);
  EXPECT_GE(stored_blobs(), 3U);
  EXPECT_EQ(hub.body_bytes(Host::kCdn), kFiles * 7 * kMiB);
}

TEST_F(RoomTest, WhatIsUsedStaysAndIsAHit) {
  add_files(9, 7 * kMiB);
  fetch_file(0);
  wait_stored(1);
  for (int file = 1; file < 9; ++file) {
    clock.advance(25h);
    fetch_file(0);
    clock.advance(1min);
    fetch_file(file);
  }
  EXPECT_EQ(hub.body_bytes(Host::kCdn, "0.bin"), 7 * kMiB);
  EXPECT_LE(on_disk("blobs"), 40 * kMiB);
}

TEST_F(RoomTest, ARunningReaderKeepsItsFileThroughEviction) {
  add_files(6, 7 * kMiB);
  hub.set_fault({.kind = Fault::Kind::kHold, .host = Host::kCdn, .match = "0.bin", .offset = kMiB});
  auto slow = std::async(std::launch::async, [&] { return get(path_of(0)); });
  while (hub.body_bytes(Host::kCdn) == 0) std::this_thread::yield();
  for (int file = 1; file < 6; ++file) {
    clock.advance(25h);
    fetch_file(file);
  }
  hub.release();
  EXPECT_EQ(slow.get().body, bytes_of(0));
}

TEST_F(RoomTest, SecurityRule15AFileLargerThanTheCacheIsPassedThroughAndEvictsNothing) {
  add_files(3, 7 * kMiB);
  hub.add_file("org/room", "large.bin", Content::generated(41 * kMiB, 5), Storage::kLfs);
  for (int file = 0; file < 3; ++file) fetch_file(file);
  wait_stored(3);
  clock.advance(48h);
  const std::string path = "/org/room/resolve/main/large.bin";
  for (int i = 0; i < 2; ++i) EXPECT_EQ(get(path).body, hub.bytes("org/room", "large.bin"));
  const auto part = get(path, {}, {{"Range", "bytes=1000000-2999999"}});
  EXPECT_EQ(part.status, 206);
  EXPECT_EQ(part.body, hub.bytes("org/room", "large.bin").substr(1'000'000, 2'000'000));
  EXPECT_EQ(stored_blobs(), 3U);
  EXPECT_EQ(on_disk("fills"), 0U);
}

TEST_F(RoomTest, AFalseFileIsCutThoughThereIsNoRoom) {
  limit(kMiB);
  add_files(1, 7 * kMiB);
  hub.set_fault({.kind = Fault::Kind::kFlip, .host = Host::kCdn, .offset = 3 * kMiB});
  const auto answer = get(path_of(0));
  EXPECT_TRUE(answer.reset);
  EXPECT_LT(answer.body.size(), 7 * kMiB);
}

TEST_F(RoomTest, SecurityRule12AFalseStartIsNotCompletedThoughThereIsNoRoom) {
  limit(kMiB);
  add_files(2, 7 * kMiB);
  const auto right = get(path_of(1), {}, {{"Range", "bytes=2097152-"}});
  EXPECT_EQ(right.status, 206);
  EXPECT_EQ(right.body, bytes_of(1).substr(2 * kMiB));
  hub.set_fault({.kind = Fault::Kind::kFlip, .host = Host::kCdn, .offset = 1'000});
  for (const auto* range : {"bytes=2097152-", "bytes=2097152-7340031"}) {
    const auto rest = get(path_of(0), {}, {{"Range", range}});
    EXPECT_FALSE(rest.status == 206 && rest.complete) << range;
    EXPECT_LT(rest.body.size(), 5 * kMiB) << range;
  }
}

TEST_F(RoomTest, WhereAllIsToBeVerifiedThereAreNoPartsOfWhatHasNoRoom) {
  config.strict_integrity = true;
  limit(kMiB);
  add_files(1, 7 * kMiB);
  for (const auto* range :
       {"bytes=0-99", "bytes=2097152-", "bytes=-100", "bytes=0-99,200000-200099"}) {
    const auto part = get(path_of(0), {}, {{"Range", range}});
    EXPECT_EQ(part.status, 503) << range;
    EXPECT_THAT(part.body, testing::HasSubstr("strict")) << range;
  }
  EXPECT_EQ(get(path_of(0)).body, bytes_of(0));
}

TEST_F(RoomTest, ACacheThatIsMadeSmallerShrinksAsItIsUsed) {
  add_files(6, 7 * kMiB);
  for (int file = 0; file < 5; ++file) fetch_file(file);
  wait_stored(5);
  clock.advance(48h);
  limit(20 * kMiB);
  fetch_file(5);
  EXPECT_LE(on_disk("blobs") + on_disk("fills"), 20 * kMiB);
}

}  // namespace
}  // namespace hubcache::test
