#include "hubcache/fill/plan.h"

#include <algorithm>
#include <utility>

namespace hubcache::fill {
namespace {

using store::BlockMap;
using store::ByteSpan;
using store::kBlockSize;

constexpr std::uint64_t kReadAhead = 4 * kBlockSize;
constexpr std::size_t kEndsKept = 16;  // parallel downloaders read as many ranges side by side

std::uint64_t block_begin(std::uint64_t offset) { return offset / kBlockSize * kBlockSize; }

bool is_missing(const BlockMap& present, std::uint64_t offset) {
  return present.contiguous_end(offset) == offset;
}

}  // namespace

Plan::Plan(std::uint64_t size, Options options) : size_(size), options_(options) {
  options_.connections = std::max<std::size_t>(options_.connections, 1);
}

void Plan::want(ByteSpan span) {
  if (span.length() == 0) return;
  const auto follows = [&](std::uint64_t end) {
    return end <= span.begin && span.begin - end < kBlockSize;
  };
  const bool sequential = std::ranges::any_of(ends_, follows);
  if (ends_.size() == kEndsKept) ends_.erase(ends_.begin());
  ends_.push_back(span.end);
  if (sequential) span.end += kReadAhead;
  const std::uint64_t end = block_begin(span.end + kBlockSize - 1);
  wants_.push_back({.begin = block_begin(span.begin), .end = std::min(end, size_)});
}

void Plan::want_all(std::uint64_t offset) {
  if (!all_) from_ = block_begin(offset);
  all_ = true;
}

bool Plan::satisfied(const BlockMap& present) {
  std::erase_if(wants_, [&](ByteSpan want) { return present.has(want); });
  return all_ ? present.complete() : wants_.empty();
}

void Plan::ignore_ranges(Run& run, std::uint64_t position) {
  // Several connections may find out at the same time: the first goes on.
  const auto goes_on = [&](const Run& other) {
    return &other != &run && other.position < other.end;
  };
  if (std::exchange(ignores_ranges_, true) && std::ranges::any_of(runs_, goes_on)) {
    run.end = run.position;
    return;
  }
  for (Run& other : runs_) other.end = other.position;
  run = {.position = position, .end = size_, .begin = position};
}

bool Plan::has_next(const BlockMap& present, std::span<const std::uint64_t> waiting,
                    bool hold_back) {
  const std::size_t most = opened_up_ && !ignores_ranges_ ? options_.connections : 1;
  if (runs_.size() >= most || satisfied(present)) return false;
  if (ignores_ranges_ || is_awaited(present, waiting)) return true;
  if (!runs_.empty() && (!splits() || hold_back)) return false;
  return bulk_span(present).has_value();
}

Run* Plan::next(const BlockMap& present, std::span<const std::uint64_t> waiting, std::size_t places,
                bool hold_back) {
  if (!has_next(present, waiting, hold_back)) return nullptr;
  if (ignores_ranges_)
    return begin({.begin = present.first_missing({.begin = 0, .end = size_}).begin, .end = size_});
  if (const auto offset = most_urgent(present, waiting)) {
    return begin(one_request(urgent_span(present, *offset), places));
  }
  return begin(one_request(*bulk_span(present), places));
}

void Plan::done(const Run& run) {
  fetched_ += run.position - run.begin;
  runs_.remove_if([&](const Run& other) { return &other == &run; });
}

bool Plan::should_yield(const Run& run, const BlockMap& present,
                        std::span<const std::uint64_t> waiting) const {
  if (ignores_ranges_ || !opened_up_ || runs_.size() < options_.connections) return false;
  if (run.end - run.position <= options_.near) return false;  // over soon, and dropped at a loss
  const auto waits_here = [&](std::uint64_t offset) {
    return is_missing(present, offset) && is_near(run, offset);
  };
  if (std::ranges::any_of(waiting, waits_here)) return false;
  return most_urgent(present, waiting).has_value();
}

bool Plan::had_its_turn(const Run& run) const noexcept {
  return !ignores_ranges_ && run.position - run.begin >= options_.first &&
         run.end - run.position > options_.near;
}

bool Plan::is_near(const Run& run, std::uint64_t offset) const noexcept {
  return run.position <= offset && offset < run.end && offset - run.position < options_.near;
}

bool Plan::comes_soon(std::uint64_t offset) const noexcept {
  return std::ranges::any_of(runs_, [&](const Run& run) { return is_near(run, offset); });
}

std::optional<std::uint64_t> Plan::most_urgent(const BlockMap& present,
                                               std::span<const std::uint64_t> waiting) const {
  for (const std::uint64_t offset : waiting) {
    if (is_missing(present, offset) && !comes_soon(offset)) return offset;
  }
  return std::nullopt;
}

std::uint64_t Plan::wanted_end(std::uint64_t offset) const {
  if (all_) return size_;
  std::uint64_t end = std::min(block_begin(offset) + kBlockSize, size_);
  for (const ByteSpan want : wants_) {
    if (want.begin <= offset && offset < want.end) end = std::max(end, want.end);
  }
  return end;
}

// The block the reader waits in, from its first missing byte, and on. A run that would come by
// later gives up what lies behind that point.
ByteSpan Plan::urgent_span(const BlockMap& present, std::uint64_t offset) {
  ByteSpan span = present.missing({.begin = block_begin(offset), .end = offset + 1}).back();
  for (Run& run : runs_) {
    if (run.position <= offset && offset < run.end) {
      span.begin = std::max(span.begin, run.position);
      run.end = span.begin;
    } else if (run.end <= offset) {
      span.begin = std::max(span.begin, run.end);
    }
  }
  return *first_free(present, {.begin = span.begin, .end = wanted_end(offset)});
}

std::optional<ByteSpan> Plan::bulk_span(const BlockMap& present) const {
  if (all_) {
    const auto ahead = first_free(present, {.begin = from_, .end = size_});
    return ahead ? ahead : first_free(present, {.begin = 0, .end = from_});
  }
  for (const ByteSpan want : wants_) {
    if (const auto span = first_free(present, want)) return span;
  }
  return std::nullopt;
}

/// The first bytes of `within` that are neither present nor being fetched.
std::optional<ByteSpan> Plan::first_free(const BlockMap& present, ByteSpan within) const {
  std::uint64_t at = within.begin;
  while (at < within.end) {
    const ByteSpan gap = present.first_missing({.begin = at, .end = within.end});
    at = gap.begin;
    if (at >= within.end) break;
    std::uint64_t end = std::min(gap.end, within.end);
    bool taken = false;
    for (const Run& run : runs_) {
      if (run.position <= at && at < run.end) {
        at = run.end;
        taken = true;
        break;
      }
      if (run.position > at && run.position < run.end) end = std::min(end, run.position);
    }
    if (taken) continue;
    return ByteSpan{.begin = at, .end = end};
  }
  return std::nullopt;
}

// Less than a block is no request of its own.
ByteSpan Plan::one_request(ByteSpan span, std::size_t places) const {
  // Nobody is there to drop it for, and a download of a file is one request (contract/hub.md 3.4).
  if (all_ && !splits() && places <= 1) return span;
  const bool contended = places > options_.connections;
  const std::uint64_t most =
      contended ? options_.contended : std::clamp(fetched_, options_.first, options_.segment);
  const std::uint64_t end = block_begin(span.begin) + most;
  if (end + kBlockSize < span.end) span.end = end;
  return span;
}

Run* Plan::begin(ByteSpan span) {
  runs_.push_back({.position = span.begin, .end = span.end, .begin = span.begin});
  return &runs_.back();
}

}  // namespace hubcache::fill
