#pragma once

#include <cstdint>

#include "hubcache/store/block_map.h"

namespace hubcache::fill {

/// Which bytes of a blob may be handed out while nobody knows yet whether it is right: all but one
/// block (SECURITY 12).
///
/// A reader to the end waits for verify() anyhow. But who downloads in parallel reads closed
/// ranges, in any order, over many connections, and what several readers got may end in one file.
/// So it is counted what all of them together were given: a block is as long as others are left
/// that nobody was given any byte of. The one that would make the whole complete, whichever that is
/// and whoever asks for it, waits for verify(). Who reads a part of the blob never waits, and who
/// reads all of it waits for the end of the hashing.
///
/// Blocks that an earlier run of the fill left behind count as given: whoever read them may
/// still have them. Blocks that were given and then lost by a crash, before a checkpoint, do not.
class Handout {
 public:
  explicit Handout(std::uint64_t size) : given_(size) {}

  /// These blocks are there from an earlier run.
  void inherit(const store::BlockMap& present) { given_ = present; }
  /// Hands out the bytes of `span`, as far as that may be; returns where they end.
  std::uint64_t give(store::ByteSpan span);
  /// Was any byte of the block with this offset given?
  bool gave(std::uint64_t offset) const;

 private:
  store::BlockMap given_;
};

}  // namespace hubcache::fill
