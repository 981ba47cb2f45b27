#include "hubcache/store/block_map.h"

#include <algorithm>
#include <bit>
#include <iterator>

namespace hubcache::store {
namespace {

constexpr std::uint64_t kWordBits = 64;

}  // namespace

void ByteSet::add(ByteSpan span) {
  if (span.begin >= span.end) return;
  auto at = spans_.upper_bound(span.begin);
  if (at != spans_.begin() && std::prev(at)->second >= span.begin) --at;
  while (at != spans_.end() && at->first <= span.end) {
    span.begin = std::min(span.begin, at->first);
    span.end = std::max(span.end, at->second);
    at = spans_.erase(at);
  }
  spans_.emplace(span.begin, span.end);
}

void ByteSet::remove(ByteSpan span) {
  if (span.begin >= span.end) return;
  auto at = spans_.upper_bound(span.begin);
  if (at != spans_.begin() && std::prev(at)->second > span.begin) --at;
  while (at != spans_.end() && at->first < span.end) {
    const ByteSpan found{.begin = at->first, .end = at->second};
    at = spans_.erase(at);
    if (found.begin < span.begin) spans_.emplace(found.begin, span.begin);
    if (found.end > span.end) spans_.emplace(span.end, found.end);
  }
}

bool ByteSet::contains(ByteSpan span) const {
  return span.begin >= span.end || end_from(span.begin) >= span.end;
}

std::uint64_t ByteSet::end_from(std::uint64_t offset) const {
  const auto after = spans_.upper_bound(offset);
  if (after == spans_.begin()) return offset;
  return std::max(offset, std::prev(after)->second);
}

std::uint64_t ByteSet::begin_after(std::uint64_t offset, std::uint64_t limit) const {
  const auto next = spans_.upper_bound(offset);
  return next == spans_.end() ? limit : std::min(limit, next->first);
}

std::vector<ByteSpan> ByteSet::missing(ByteSpan span) const {
  std::vector<ByteSpan> gaps;
  while (true) {
    const std::uint64_t begin = end_from(span.begin);
    if (begin >= span.end) return gaps;
    gaps.push_back({.begin = begin, .end = begin_after(begin, span.end)});
    span.begin = gaps.back().end;
  }
}

BlockMap::BlockMap(std::uint64_t size)
    : size_(size),
      block_count_(size / kBlockSize + (size % kBlockSize != 0 ? 1 : 0)),
      bits_(block_count_ / kWordBits + 1) {}

ByteSpan BlockMap::span_of(std::uint64_t block) const noexcept {
  return clipped({.begin = block * kBlockSize, .end = (block + 1) * kBlockSize});
}

ByteSpan BlockMap::clipped(ByteSpan span) const noexcept {
  const std::uint64_t end = std::min(span.end, size_);
  return {.begin = std::min(span.begin, end), .end = end};
}

bool BlockMap::has(std::uint64_t block) const noexcept {
  return block < block_count_ && (bits_[block / kWordBits] >> (block % kWordBits) & 1U) != 0;
}

bool BlockMap::has(ByteSpan span) const {
  return span.begin >= span.end || contiguous_end(span.begin) >= span.end;
}

void BlockMap::mark_block(std::uint64_t block) {
  if (block >= block_count_ || has(block)) return;
  bits_[block / kWordBits] |= std::uint64_t{1} << (block % kWordBits);
  ++present_;
  partial_.remove(span_of(block));
}

std::vector<std::uint64_t> BlockMap::mark(ByteSpan span) {
  std::vector<std::uint64_t> whole;
  span = clipped(span);
  while (span.begin < span.end) {
    const std::uint64_t block = block_of(span.begin);
    const ByteSpan all = span_of(block);
    const ByteSpan part{.begin = span.begin, .end = std::min(span.end, all.end)};
    span.begin = part.end;
    if (has(block)) continue;
    partial_.add(part);
    if (!partial_.contains(all)) continue;
    mark_block(block);
    whole.push_back(block);
  }
  return whole;
}

std::uint64_t BlockMap::contiguous_end(std::uint64_t offset) const {
  while (offset < size_) {
    const std::uint64_t block = block_of(offset);
    const std::uint64_t word = bits_[block / kWordBits] >> (block % kWordBits);
    // The word's whole blocks in one step: a reader asks this for every span it sends.
    const auto run = static_cast<std::uint64_t>(std::countr_one(word));
    if (run > 0) {
      offset = std::min(size_, (block + run) * kBlockSize);
      continue;
    }
    const std::uint64_t end = partial_.end_from(offset);
    if (end == offset) break;
    offset = end;
    if (offset % kBlockSize != 0) break;  // it ends inside a block
  }
  return offset;
}

std::uint64_t BlockMap::whole_block_after(std::uint64_t block, std::uint64_t limit) const {
  while (block < limit) {
    const std::uint64_t word = bits_[block / kWordBits] >> (block % kWordBits);
    if (word != 0)
      return std::min(limit, block + static_cast<std::uint64_t>(std::countr_zero(word)));
    block = (block / kWordBits + 1) * kWordBits;
  }
  return limit;
}

ByteSpan BlockMap::first_missing(ByteSpan span) const {
  span = clipped(span);
  const std::uint64_t begin = std::min(contiguous_end(span.begin), span.end);
  if (begin == span.end) return {.begin = span.end, .end = span.end};
  const std::uint64_t limit = block_of(span.end - 1) + 1;
  const std::uint64_t whole = whole_block_after(block_of(begin), limit);
  const std::uint64_t end = std::min(span.end, whole * kBlockSize);
  return {.begin = begin, .end = partial_.begin_after(begin, end)};
}

std::vector<ByteSpan> BlockMap::missing(ByteSpan span) const {
  std::vector<ByteSpan> gaps;
  span = clipped(span);
  while (span.begin < span.end) {
    const ByteSpan gap = first_missing(span);
    if (gap.begin < gap.end) gaps.push_back(gap);
    span.begin = gap.end;
  }
  return gaps;
}

}  // namespace hubcache::store
