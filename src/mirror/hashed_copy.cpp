#include "hashed_copy.h"

#include <vector>

#include "hubcache/base/error.h"

namespace hubcache::mirror {

void copy_hashed(const Digest& digest, std::uint64_t size, const ReadBytes& read,
                 const std::function<void(std::span<const std::byte>)>& write) {
  constexpr std::size_t kCopyPiece = std::size_t{512} << 10;
  std::vector<std::byte> piece(kCopyPiece);
  Hasher hasher(digest.algorithm(), size);
  std::uint64_t done = 0;
  while (const auto count = read(piece)) {
    done += count;
    if (done > size) break;
    const auto bytes = std::span(piece).first(count);
    hasher.update(bytes);
    write(bytes);
  }
  if (done == size && hasher.finish() == digest) return;
  throw Error(Error::Kind::kCorrupt, "its bytes are not what its digest says");
}

}  // namespace hubcache::mirror
