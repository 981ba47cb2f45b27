#pragma once

#include <cstdint>
#include <memory>

#include "hubcache/base/digest.h"
#include "hubcache/base/fd.h"

namespace hubcache::store {

/// A stored, verified blob, open for reading. Its bytes stay readable while `file` lives, even when
/// the blob is removed meanwhile.
struct Blob {
  Digest digest;
  std::uint64_t size = 0;
  std::shared_ptr<const Fd> file;
};

}  // namespace hubcache::store
