#include "part_hash.h"

#include <algorithm>
#include <memory>
#include <span>

#include "hubcache/base/error.h"

namespace hubcache::store {
namespace {

constexpr std::size_t kReadSize = std::size_t{256} << 10;

}  // namespace

void PartHash::add(std::span<const std::byte> bytes) {
  hasher_.update(bytes);
  done_ += bytes.size();
}

void PartHash::advance(Disk& disk, const Fd& file, std::uint64_t end) {
  const auto memory = std::make_unique_for_overwrite<std::byte[]>(kReadSize);
  const std::span<std::byte> chunk(memory.get(), kReadSize);
  while (done_ < end) {
    const auto wanted = std::min<std::uint64_t>(chunk.size(), end - done_);
    const auto into = chunk.first(static_cast<std::size_t>(wanted));
    if (disk.pread(file, done_, into) != into.size()) {
      throw Error(Error::Kind::kIo, "the disk failed", "a file is shorter than it was");
    }
    add(into);
  }
}

}  // namespace hubcache::store
