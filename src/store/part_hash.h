#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "hubcache/base/digest.h"
#include "hubcache/base/fd.h"
#include "hubcache/store/disk.h"

namespace hubcache::store {

/// The hash of a file as far as it has come, in order.
class PartHash {
 public:
  /// Hashed in one piece of work, so that a big blob leaves the pool to others now and then.
  static constexpr std::uint64_t kPiece = std::uint64_t{8} << 20;

  PartHash(Digest::Algorithm algorithm, std::uint64_t size) : hasher_(algorithm, size) {}

  /// The next bytes, as they were written. One call at a time, of this and advance().
  void add(std::span<const std::byte> bytes);
  /// Reads on to `end`. Blocks.
  void advance(Disk& disk, const Fd& file, std::uint64_t end);
  std::uint64_t done() const noexcept { return done_; }
  Hasher copy() const { return hasher_.copy(); }
  Digest finish() { return hasher_.finish(); }

 private:
  Hasher hasher_;
  std::uint64_t done_ = 0;
};

}  // namespace hubcache::store
