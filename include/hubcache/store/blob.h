#pragma once

#include <cstdint>
#include <memory>

#include "hubcache/base/clock.h"
#include "hubcache/base/digest.h"
#include "hubcache/base/fd.h"

namespace hubcache::store {

enum class BlobState : std::uint8_t {
  kStored = 0,
  kLeaving = 1,     // being evicted: not to be opened any more
  kUnverified = 2,  // found by name: hashed before its first use (SECURITY 14)
};

/// A blob's row as Store::row_of() reads it, to be handed to open() at once; Stored is what list()
/// tells.
struct BlobRow {
  std::uint64_t size = 0;
  std::uint64_t on_disk = 0;
  BlobState state = BlobState::kStored;
  WallTime used{};  // last; later uses may not be written down yet
};

/// A stored, verified blob, open for reading. Its bytes stay readable while `file` lives, even when
/// the blob is removed meanwhile.
struct Blob {
  Digest digest;
  std::uint64_t size = 0;
  std::shared_ptr<const Fd> file;
  WallTime used{};  // as its row had it
};

}  // namespace hubcache::store
