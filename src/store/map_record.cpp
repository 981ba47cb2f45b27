#include "map_record.h"

#include <algorithm>
#include <string>

#include <zlib.h>

namespace hubcache::store {
namespace {

constexpr std::uint32_t kMagic = 0x314d4348;  // "HCM1"

void put(std::span<std::byte> into, std::uint32_t value) {
  for (std::size_t i = 0; i < sizeof(value); ++i) {
    into[i] = static_cast<std::byte>(value >> (8 * i) & 0xffU);
  }
}

std::uint32_t get(std::span<const std::byte> from) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < sizeof(value); ++i) {
    value |= std::to_integer<std::uint32_t>(from[i]) << (8 * i);
  }
  return value;
}

std::uint32_t checksum(const MapRecord& record, const Digest& digest, std::uint64_t size) {
  const std::string text = digest.text() + ' ' + std::to_string(size) + ' ' +
                           std::to_string(record.first) + ' ' + std::to_string(record.count);
  return static_cast<std::uint32_t>(
      crc32(0, reinterpret_cast<const Bytef*>(text.data()), static_cast<uInt>(text.size())));
}

}  // namespace

MapRecord::Bytes MapRecord::encode(const Digest& digest, std::uint64_t size) const {
  Bytes bytes{};
  const std::span all(bytes);
  put(all.subspan(0, 4), kMagic);
  put(all.subspan(4, 4), first);
  put(all.subspan(8, 4), count);
  put(all.subspan(12, 4), checksum(*this, digest, size));
  return bytes;
}

std::optional<MapRecord> MapRecord::decode(std::span<const std::byte, kSize> bytes,
                                           const Digest& digest, std::uint64_t size) {
  const MapRecord record{.first = get(bytes.subspan(4, 4)), .count = get(bytes.subspan(8, 4))};
  if (get(bytes.subspan(0, 4)) != kMagic) return std::nullopt;
  if (get(bytes.subspan(12, 4)) != checksum(record, digest, size)) return std::nullopt;
  return record;
}

MapFile read_map(std::span<const std::byte> bytes, const Digest& digest, std::uint64_t size) {
  MapFile map{.blocks = BlockMap(size)};
  for (; map.end + MapRecord::kSize <= bytes.size(); map.end += MapRecord::kSize) {
    const auto raw = bytes.subspan(map.end).first<MapRecord::kSize>();
    const auto record = MapRecord::decode(raw, digest, size);
    if (!record) continue;
    const std::uint64_t last =
        std::min(std::uint64_t{record->first} + record->count, map.blocks.block_count());
    for (std::uint64_t block = record->first; block < last; ++block) map.blocks.mark_block(block);
  }
  return map;
}

std::vector<MapRecord> records_of(std::vector<std::uint64_t> blocks) {
  std::ranges::sort(blocks);
  std::vector<MapRecord> records;
  for (const auto block : blocks) {
    const auto number = static_cast<std::uint32_t>(block);
    if (!records.empty() && records.back().first + records.back().count == number) {
      ++records.back().count;
    } else {
      records.push_back({.first = number, .count = 1});
    }
  }
  return records;
}

}  // namespace hubcache::store
