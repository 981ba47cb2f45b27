#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "hubcache/store/open_blobs.h"

#include "unit/store/fixture.h"

namespace hubcache::store {

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
      clock.advance(std::chrono::minutes(1));
    }
  }

  /// One after another, each a minute later; then two days pass.
  void put_old(std::size_t count) { put_old(0, count); }
  void put_old(std::size_t begin, std::size_t end) {
    for (std::size_t i = begin; i < end; ++i) {
      put(contents[i]);
      clock.advance(std::chrono::minutes(1));
    }
    clock.advance(std::chrono::hours(48));
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

}  // namespace hubcache::store
