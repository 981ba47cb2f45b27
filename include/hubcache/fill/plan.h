#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <optional>
#include <span>
#include <vector>

#include "hubcache/store/block_map.h"

namespace hubcache::fill {

/// What one upstream connection is fetching: [position, end). The connection moves `position` as
/// bytes are stored; the plan may draw `end` nearer to give the rest to another connection.
struct Run {
  std::uint64_t position = 0;
  std::uint64_t end = 0;
  std::uint64_t begin = 0;  // where it began
};

/// Decides which missing bytes of a blob each connection fetches, so that what a reader waits for
/// comes first and nothing is fetched twice. Pure: it looks at the map of present blocks and at
/// where readers wait, and remembers wants and runs. Offsets are bytes; runs begin at blocks (or
/// where an earlier run was cut).
class Plan {
 public:
  struct Options {
    std::size_t connections = 4;                          // at most
    std::uint64_t split_above = std::uint64_t{64} << 20;  // whole blobs above it come in segments
    // What was asked for cannot be unasked: it is on its way, and dropping it costs as much as the
    // network holds. So requests grow with what has come before, from `first` to `segment`,
    // and are `contended` while readers go on in more places than there are connections. A whole
    // blob that is not split is asked for at once, while it is read in one place.
    std::uint64_t segment = std::uint64_t{32} << 20;
    std::uint64_t first = std::uint64_t{4} << 20;
    std::uint64_t contended = std::uint64_t{2} << 20;
    std::uint64_t near = std::uint64_t{4} << 20;  // a run this close will be there soon
  };
  Plan(std::uint64_t size, Options options);

  /// The blocks of these bytes, and when the range follows one that was wanted before, some more.
  void want(store::ByteSpan span);
  /// The whole blob, beginning with the reader at `offset`.
  void want_all(std::uint64_t offset);
  bool wants_all() const noexcept { return all_; }
  /// The whole is wanted, and it is not split.
  bool is_one_request() const noexcept { return all_ && !splits(); }
  bool satisfied(const store::BlockMap& present);

  /// From now on more than one connection may run: the first has delivered.
  void open_up() noexcept { opened_up_ = true; }
  /// Upstream answers every request with the whole blob: `run`, whose stream is at `position`, goes
  /// on to the blob's end, all others end where they are, and only one runs from now on.
  void ignore_ranges(Run& run, std::uint64_t position);

  /// Is there something for one more connection? `waiting` are the offsets readers wait at, longest
  /// first; while `hold_back` no second connection runs ahead of need.
  bool has_next(const store::BlockMap& present, std::span<const std::uint64_t> waiting,
                bool hold_back);
  /// It, or null. In `places` blocks there is a reader, waiting or not, who needs them next: with
  /// more than there are connections, which is said too when other fills are in line for them,
  /// requests are short. The run is the plan's until done().
  Run* next(const store::BlockMap& present, std::span<const std::uint64_t> waiting,
            std::size_t places, bool hold_back);
  void done(const Run& run);
  /// Does a reader wait for something that no run will bring soon?
  bool is_awaited(const store::BlockMap& present, std::span<const std::uint64_t> waiting) const {
    return most_urgent(present, waiting).has_value();
  }
  /// Should this run end now, because a reader waits elsewhere, nobody waits here, and all
  /// connections are taken?
  bool should_yield(const Run& run, const store::BlockMap& present,
                    std::span<const std::uint64_t> waiting) const;
  /// Has this run brought so much, and has so much before it, that another fill may have its
  /// connection?
  bool had_its_turn(const Run& run) const noexcept;
  std::size_t running() const noexcept { return runs_.size(); }
  /// How many bytes all connections together ask for at once.
  std::uint64_t reach() const noexcept { return options_.connections * options_.segment; }

 private:
  bool is_near(const Run& run, std::uint64_t offset) const noexcept;
  bool comes_soon(std::uint64_t offset) const noexcept;
  std::optional<std::uint64_t> most_urgent(const store::BlockMap& present,
                                           std::span<const std::uint64_t> waiting) const;
  std::uint64_t wanted_end(std::uint64_t offset) const;
  store::ByteSpan urgent_span(const store::BlockMap& present, std::uint64_t offset);
  std::optional<store::ByteSpan> bulk_span(const store::BlockMap& present) const;
  std::optional<store::ByteSpan> first_free(const store::BlockMap& present,
                                            store::ByteSpan within) const;
  bool splits() const noexcept { return all_ && size_ > options_.split_above; }
  /// As much of `span` as one request asks for.
  store::ByteSpan one_request(store::ByteSpan span, std::size_t places) const;
  Run* begin(store::ByteSpan span);

  std::uint64_t size_;
  Options options_;
  bool all_ = false;
  std::uint64_t from_ = 0;              // where the whole is begun
  std::vector<store::ByteSpan> wants_;  // of closed ranges, in order of arrival
  std::vector<std::uint64_t> ends_;     // of the latest closed ranges
  std::uint64_t fetched_ = 0;           // bytes, by the runs that are done
  bool opened_up_ = false;
  bool ignores_ranges_ = false;
  std::list<Run> runs_;
};

}  // namespace hubcache::fill
