#include "hubcache/xet/layout.h"

#include <algorithm>

#include "hubcache/base/sha256.h"
#include "hubcache/base/text.h"

namespace hubcache::xet {
namespace {

std::uint64_t chunks_of(std::uint64_t bytes) { return (bytes + kChunkSize - 1) / kChunkSize; }

/// Of the data, how much lies before that place of a xorb's bytes.
std::uint64_t data_before(std::uint64_t packed) {
  const auto in_record = packed % kPackedChunk;
  return packed / kPackedChunk * kChunkSize + in_record - std::min(in_record, kHeaderSize);
}

}  // namespace

std::uint64_t Layout::xorb_count() const noexcept { return (size_ + kXorbData - 1) / kXorbData; }

http::ByteRange Layout::file_range_of(std::uint64_t xorb) const noexcept {
  if (xorb >= xorb_count()) return {.offset = size_, .length = 0};
  const auto offset = xorb * kXorbData;
  return {.offset = offset, .length = std::min(kXorbData, size_ - offset)};
}

std::uint64_t Layout::packed_size(std::uint64_t xorb) const noexcept {
  const auto data = file_range_of(xorb).length;
  return data + chunks_of(data) * kHeaderSize;
}

std::optional<Term> Layout::term(http::ByteRange range, std::uint64_t xorb) const noexcept {
  const auto held = file_range_of(xorb);
  const auto begin = std::max(range.offset, held.offset);
  const auto end = std::min(range.end(), held.end());
  if (begin >= end) return std::nullopt;
  const auto first = (begin - held.offset) / kChunkSize;
  const auto stop = chunks_of(end - held.offset);
  const auto unpacked = std::min(stop * kChunkSize, held.length) - first * kChunkSize;
  return Term{.xorb = xorb,
              .first_chunk = first,
              .end_chunk = stop,
              .unpacked = unpacked,
              .packed = {.offset = first * kPackedChunk,
                         .length = unpacked + (stop - first) * kHeaderSize}};
}

http::ByteRange Layout::data_of(std::uint64_t xorb, http::ByteRange packed) noexcept {
  const auto begin = data_before(packed.offset);
  return {.offset = xorb * kXorbData + begin, .length = data_before(packed.end()) - begin};
}

std::string chunk_header(std::uint64_t length) {
  std::string header;
  for (int twice = 0; twice < 2; ++twice) {
    header += '\0';
    for (const unsigned shift : {0U, 8U, 16U}) {
      header += static_cast<char>(static_cast<unsigned char>(length >> shift & 255U));
    }
  }
  return header;
}

bool is_hash(std::string_view text) {
  constexpr std::size_t kDigits = 64;
  return text.size() == kDigits && is_lower_hex(text);
}

std::string xorb_hash(std::string_view file_id, std::uint64_t xorb, std::int64_t generation) {
  std::string name(file_id);
  for (const auto part : {xorb, kChunkSize, kChunksPerXorb}) name += ':' + std::to_string(part);
  if (generation != 0) name += ':' + std::to_string(generation);
  return sha256_of(name).hex();
}

}  // namespace hubcache::xet
