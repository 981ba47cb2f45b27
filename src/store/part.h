#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "hubcache/base/digest.h"
#include "hubcache/base/fd.h"
#include "hubcache/store/block_map.h"
#include "hubcache/store/disk.h"

#include "layout.h"
#include "shared.h"
#include "space.h"

namespace hubcache::store {

/// The files of one fill: the sparse bytes and the records of what is durable among them. Knows no
/// worker; its calls block and are made in the pool, where several may run at once.
class Part {
 public:
  struct Opened;
  struct Plan {
    Digest digest;
    std::uint64_t size = 0;
    std::string name;                // Layout::fill_name()
    bool whole = true;               // promise all of the missing bytes now
    std::uint64_t already_used = 0;  // what the space counts for it
  };

  /// Opens what an earlier run left, or makes it anew when that does not fit. Throws kNoSpace and
  /// kIo, with nothing left of a fill that is just beginning.
  static Opened open(std::shared_ptr<Shared> shared, const Plan& plan);
  /// As if open() had thrown, as long as nothing was written.
  void take_back();
  /// Removes both files of a fill nobody has open.
  static void remove_files(Disk& disk, const Layout& layout, const std::string& name);

  Part(std::shared_ptr<Shared> shared, Plan plan);

  const std::shared_ptr<const Fd>& file() const noexcept { return file_; }
  std::uint64_t used() const noexcept { return reservation_.spent(); }
  /// What is counted as used already, and not written.
  std::uint64_t unwritten() const noexcept { return reservation_.unwritten(); }

  /// May be repeated after it threw kNoSpace.
  void write(std::span<const ByteSpan> spans, std::uint64_t offset,
             std::span<const std::byte> bytes);
  /// What the whole fill may take on disk at most, its map included.
  static std::uint64_t most_on_disk(std::uint64_t size);
  /// Syncs the bytes, then records `blocks`. After a failed sync nothing can be known of what was
  /// written: from then on it, and seal(), throw kIo, and only what was recorded is kept.
  void checkpoint(std::span<const std::uint64_t> blocks);
  /// Moves the file to its place among the blobs; returns its bytes on disk. May be repeated.
  std::uint64_t seal();
  void discard();
  /// Ends what was not sealed or discarded: returns what stays counted for the next run. Of a file
  /// that came to its place among the blobs that is nothing: without a row, its next use counts it.
  std::uint64_t park() noexcept;

 private:
  BlockMap resume();
  BlockMap recorded_blocks();
  void promise(const BlockMap& blocks);
  void count_on_disk();
  void claim(ByteSpan span);
  void sync_bytes();

  const std::shared_ptr<Shared> shared_;  // the space must outlive the reservation
  Disk& disk_;
  const Layout& layout_;
  const Plan plan_;
  Reservation reservation_;
  std::mutex claims_mutex_;    // several writes run in the pool at once
  std::vector<bool> claimed_;  // blocks whose space was taken from the reservation
  std::shared_ptr<const Fd> file_;
  Fd map_;
  std::uint64_t map_end_ = 0;
  // Held while syncing, by threads of the pool: records of two checkpoints must not interleave.
  std::mutex mutex_;
  bool named_ = false;  // durably, in fills/
  bool damaged_ = false;
  bool renamed_ = false;
};

struct Part::Opened {
  std::shared_ptr<Part> part;
  BlockMap blocks;
};

}  // namespace hubcache::store
