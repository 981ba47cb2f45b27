#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "hubcache/http/range.h"

namespace hubcache::xet {

/// Bytes of a chunk; the last of a file is shorter. Clients refuse longer ones (contract/xet.md).
inline constexpr std::uint64_t kChunkSize = 128UL * 1024;
/// What stands before each chunk in a xorb.
inline constexpr std::uint64_t kHeaderSize = 8;
/// A whole chunk as it stands in a xorb.
inline constexpr std::uint64_t kPackedChunk = kHeaderSize + kChunkSize;
/// 12.5 MiB: as fast as larger ones, and finer units for a file that is still being fetched.
inline constexpr std::uint64_t kChunksPerXorb = 100;
/// Of the file, what a full xorb holds.
inline constexpr std::uint64_t kXorbData = kChunkSize * kChunksPerXorb;

/// A run of chunks within one xorb.
struct Term {
  std::uint64_t xorb = 0;
  std::uint64_t first_chunk = 0;  // counted from the xorb's start
  std::uint64_t end_chunk = 0;    // behind the last one
  std::uint64_t unpacked = 0;     // bytes of the file in them
  http::ByteRange packed{};       // of the xorb's bytes
  bool operator==(const Term&) const = default;
};

/// A plain file as Xet clients are shown it: cut into chunks, which are stored as they are, each
/// behind its header, and so many chunks to a xorb. No client can tell such xorbs from the Hub's,
/// for none checks a hash (contract/xet.md, option C of contract/hub.md 4.5).
class Layout {
 public:
  explicit Layout(std::uint64_t file_size) : size_(file_size) {}

  std::uint64_t file_size() const noexcept { return size_; }
  std::uint64_t xorb_count() const noexcept;
  /// Bytes of that xorb; 0 when the file has no such one.
  std::uint64_t packed_size(std::uint64_t xorb) const noexcept;
  /// Of that xorb, the whole chunks that hold bytes of a range of the file, which lies within it;
  /// nullopt when none does.
  std::optional<Term> term(http::ByteRange range, std::uint64_t xorb) const noexcept;
  /// The bytes of the file within a range of a xorb's bytes, which lies within that; its length may
  /// be 0.
  static http::ByteRange data_of(std::uint64_t xorb, http::ByteRange packed) noexcept;

 private:
  http::ByteRange file_range_of(std::uint64_t xorb) const noexcept;
  std::uint64_t size_;
};

/// What stands before a chunk of that many bytes: version 0, its length, scheme 0 (stored as it
/// is), its length again.
std::string chunk_header(std::uint64_t length);

/// A file's or xorb's name in Xet: 64 small hexadecimal digits.
bool is_hash(std::string_view text);

/// The name of a xorb. It is another one for every file, place, geometry and `generation`, since
/// clients keep chunks by it and ask no more (contract/xet.md).
std::string xorb_hash(std::string_view file_id, std::uint64_t xorb, std::int64_t generation);

}  // namespace hubcache::xet
