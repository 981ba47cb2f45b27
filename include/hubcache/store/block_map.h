#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <vector>

namespace hubcache::store {

/// Bytes [begin, end) of a blob.
struct ByteSpan {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;

  std::uint64_t length() const noexcept { return end - begin; }
  bool operator==(const ByteSpan&) const = default;
};

/// A set of bytes, kept as the spans it is made of.
class ByteSet {
 public:
  void add(ByteSpan span);
  void remove(ByteSpan span);
  bool contains(ByteSpan span) const;
  /// Where the bytes present from `offset` on end; `offset` itself when it is not in the set.
  std::uint64_t end_from(std::uint64_t offset) const;
  /// The parts of `span` that are not in the set, in order.
  std::vector<ByteSpan> missing(ByteSpan span) const;
  /// Where the first span that begins after `offset` begins; `limit` when that comes first.
  std::uint64_t begin_after(std::uint64_t offset, std::uint64_t limit) const;
  bool empty() const noexcept { return spans_.empty(); }

 private:
  std::map<std::uint64_t, std::uint64_t> spans_;  // begin to end; neither touching nor overlapping
};

inline constexpr std::uint64_t kBlockSize = std::uint64_t{1} << 20;

/// Which blocks of a blob in the making are present: one bit for each 1 MiB block (the last may be
/// shorter), and to the byte for blocks that are still being written. A plain value.
class BlockMap {
 public:
  explicit BlockMap(std::uint64_t size);

  std::uint64_t size() const noexcept { return size_; }
  std::uint64_t block_count() const noexcept { return block_count_; }
  static std::uint64_t block_of(std::uint64_t offset) noexcept { return offset / kBlockSize; }
  ByteSpan span_of(std::uint64_t block) const noexcept;

  /// These bytes are there; returns the blocks that became whole by it, in order. What lies past
  /// the end of the blob is ignored.
  std::vector<std::uint64_t> mark(ByteSpan span);
  void mark_block(std::uint64_t block);

  bool has(std::uint64_t block) const noexcept;  // the whole block
  bool has(ByteSpan span) const;                 // every byte
  std::uint64_t blocks_present() const noexcept { return present_; }
  bool complete() const noexcept { return present_ == block_count_; }

  /// Where the bytes present from `offset` on end; `offset` itself when that byte is missing.
  std::uint64_t contiguous_end(std::uint64_t offset) const;
  /// The missing parts of `span`, in order; neighbouring blocks are one part.
  std::vector<ByteSpan> missing(ByteSpan span) const;
  /// The first missing part of `span`; empty, at its end, when there is none.
  ByteSpan first_missing(ByteSpan span) const;

 private:
  ByteSpan clipped(ByteSpan span) const noexcept;
  std::uint64_t whole_block_after(std::uint64_t block, std::uint64_t limit) const;
  std::uint64_t size_;
  std::uint64_t block_count_;
  std::uint64_t present_ = 0;
  std::vector<std::uint64_t> bits_;
  ByteSet partial_;  // bytes of blocks that are not whole
};

}  // namespace hubcache::store
