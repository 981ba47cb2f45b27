#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "hubcache/base/digest.h"
#include "hubcache/store/block_map.h"

namespace hubcache::store {

/// A run of blocks that are durable, as a fill's map file has it: 16 bytes, little endian:
/// magic, first block, count, and a CRC-32 over digest, size and the run. A record that was torn,
/// or belongs to another blob, is not read.
struct MapRecord {
  static constexpr std::size_t kSize = 16;
  using Bytes = std::array<std::byte, kSize>;

  std::uint32_t first = 0;
  std::uint32_t count = 0;

  Bytes encode(const Digest& digest, std::uint64_t size) const;
  static std::optional<MapRecord> decode(std::span<const std::byte, kSize> bytes,
                                         const Digest& digest, std::uint64_t size);
  bool operator==(const MapRecord&) const = default;
};

/// What a map file says is there.
struct MapFile {
  BlockMap blocks;
  std::uint64_t end = 0;  // of its last whole record: a torn tail is written over
};
MapFile read_map(std::span<const std::byte> bytes, const Digest& digest, std::uint64_t size);

/// Neighbouring blocks in one record each; `blocks` in any order.
std::vector<MapRecord> records_of(std::vector<std::uint64_t> blocks);

}  // namespace hubcache::store
