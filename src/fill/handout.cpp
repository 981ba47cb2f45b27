#include "handout.h"

#include <algorithm>
#include <optional>

namespace hubcache::fill {

using store::BlockMap;

std::uint64_t Handout::give(store::ByteSpan span) {
  if (span.length() == 0 || given_.complete()) return span.begin;
  const std::uint64_t first = BlockMap::block_of(span.begin);
  const std::uint64_t last = BlockMap::block_of(span.end - 1);
  std::uint64_t fresh = 0;
  std::uint64_t last_fresh = first;
  for (std::uint64_t block = first; block <= last; ++block) {
    if (given_.has(block)) continue;
    ++fresh;
    last_fresh = block;
  }
  const bool completes = fresh == given_.block_count() - given_.blocks_present();
  const std::uint64_t end = completes ? last_fresh : last + 1;
  for (std::uint64_t block = first; block < end; ++block) given_.mark_block(block);
  if (!completes) return span.end;
  return std::max(span.begin, given_.span_of(last_fresh).begin);
}

bool Handout::gave(std::uint64_t offset) const { return given_.has(BlockMap::block_of(offset)); }

}  // namespace hubcache::fill
