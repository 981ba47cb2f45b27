#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>

#include "hubcache/base/digest.h"
#include "hubcache/mirror/import_source.h"

namespace hubcache::mirror {

/// Gives all that `read` gives to `write`, piece by piece. Throws kCorrupt when these are not
/// `size` bytes, or not those of the digest: then `write` has seen false bytes.
void copy_hashed(const Digest& digest, std::uint64_t size, const ReadBytes& read,
                 const std::function<void(std::span<const std::byte>)>& write);

}  // namespace hubcache::mirror
