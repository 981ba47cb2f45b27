// The map file of a fill: records that are whole count, all else is none. The input is records of
// nine bytes: first and count, and what is done to the record; a tail that is shorter is torn.
#include <algorithm>
#include <span>
#include <vector>

#include "fuzz.h"
#include "store/map_record.h"

namespace hubcache::fuzz {
namespace {

constexpr std::size_t kStep = 9;
constexpr std::uint64_t kSize = 5'000 * store::kBlockSize + 3;

std::uint32_t number_at(std::span<const std::uint8_t> bytes) {
  std::uint32_t number = 0;
  for (unsigned i = 0; i < 4; ++i) number |= std::uint32_t{bytes[i]} << (8 * i);
  return number;
}

void try_map(std::span<const std::uint8_t> input) {
  const auto digest = *Digest::from_etag(std::string(64, 'a'));
  std::vector<std::byte> file;
  store::BlockMap expected(kSize);
  for (; input.size() >= kStep; input = input.subspan(kStep)) {
    const store::MapRecord record{.first = number_at(input), .count = number_at(input.subspan(4))};
    auto bytes = record.encode(digest, kSize);
    const auto harm = input[8];
    // Which byte, and how: nothing is done to it when that is zero.
    bytes[harm % 16] ^= static_cast<std::byte>(harm / 16);
    file.insert(file.end(), bytes.begin(), bytes.end());
    if (harm / 16 != 0) continue;
    const auto end =
        std::min<std::uint64_t>(std::uint64_t{record.first} + record.count, expected.block_count());
    for (std::uint64_t block = record.first; block < end; ++block) expected.mark_block(block);
  }
  const auto whole = file.size();
  const auto tail = std::as_bytes(input);
  file.insert(file.end(), tail.begin(), tail.end());

  const auto map = store::read_map(file, digest, kSize);
  require(map.end == whole, "a torn tail is written over");
  require(map.blocks.blocks_present() == expected.blocks_present(), "whole records count");
  for (std::uint64_t block = 0; block < expected.block_count(); ++block) {
    require(map.blocks.has(block) == expected.has(block), "and no others");
  }
}

}  // namespace
}  // namespace hubcache::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  hubcache::fuzz::try_map({bytes, size});
  // And whatever there may be instead of a map.
  const auto digest = *hubcache::Digest::from_etag(std::string(64, 'a'));
  hubcache::store::read_map(std::as_bytes(std::span(bytes, size)), digest, size);
  return 0;
}
