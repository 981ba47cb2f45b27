#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>

#include "hubcache/base/clock.h"
#include "hubcache/base/digest.h"
#include "hubcache/base/error.h"
#include "hubcache/base/fd.h"
#include "hubcache/base/signal.h"
#include "hubcache/base/task.h"
#include "hubcache/fill/fills.h"
#include "hubcache/http/range.h"
#include "hubcache/store/block_map.h"

#include "handout.h"

namespace hubcache::fill {

/// One reader's place in a fill. All but `left` belongs to the fill's worker.
struct Seat {
  http::ByteRange range;
  bool to_end = false;
  bool verified_only = false;             // gets nothing before verify()
  bool for_proof = false;                 // no client gets its bytes
  bool wants_all = false;                 // reads the whole, by this and other seats
  bool background = false;                // nobody waits for what it reads
  std::optional<std::uint64_t> waits_at;  // the missing byte it needs next
  std::uint64_t reached = 0;              // it waited here last
  std::uint64_t turn = 0;                 // smaller than that of who began to wait later
  std::optional<Error> refused;           // its source was: it ends
  std::atomic<bool> left{false};          // set on the reader's worker
};

/// How long a reader waits before it has its body.
struct Patience {
  std::chrono::milliseconds first_byte;
  std::chrono::milliseconds in_line;  // while upstream was not asked for anything yet
  const Clock& clock;                 // for in_line
};

/// How far a blob has come, as its readers see it: the fill reports, readers wait. It outlives the
/// fill while readers hold it.
///
/// Threading: belongs to the fill's worker (readers come by on()); may be destroyed on any.
class Progress {
 public:
  /// A reader who waits for verify() is dripped bytes that often.
  Progress(std::uint64_t size, std::chrono::milliseconds drip_interval,
           std::shared_ptr<Counts> counts)
      : size_(size), drip_interval_(drip_interval), counts_(std::move(counts)), handout_(size) {}

  // The fill's side. `blocks` must live until end(); what is there now an earlier run left.
  void show(std::shared_ptr<const Fd> file, const store::BlockMap& blocks);
  void show_stored(std::shared_ptr<const Fd> file);
  void advance() { changed_.notify(); }  // there are more bytes, or a seat was refused
  void asking() { asked_ = true; }       // upstream
  void streaming();                      // upstream delivers
  bool has_streamed() const noexcept { return streaming_; }
  /// Upstream asks to wait until then: who would wait longer for a first byte is told so.
  void hold(Error why, std::chrono::steady_clock::time_point until);
  void verified();
  /// The disk failed: the hash of the bytes before `end`, for readers of the whole to go on with.
  void keep_hash(Hasher hash, std::uint64_t end);
  void end(std::optional<Error> failure);
  /// Wakes the fill: a reader begins to wait or leaves, upstream delivers, a job ended.
  Signal& work() noexcept { return work_; }
  /// Wakes who waits for bytes.
  Signal& changed() noexcept { return changed_; }

  bool is_stored() const noexcept { return stored_; }
  /// Bytes in whole blocks that are there.
  std::uint64_t present() const noexcept;
  const std::shared_ptr<const Fd>& file() const noexcept { return file_; }
  /// The bytes were false: no reader is to send more of them. For any thread.
  bool is_false() const noexcept { return false_; }

  // The readers' side; each throws what ended the fill.
  /// Until it is known what the blob's bytes come from.
  static Task<void> wait_open(std::shared_ptr<Progress> self);
  /// Until the reader can be answered: its first byte is there, or upstream delivers, or it was in
  /// line for as long as `patience` says. Throws kUpstreamTimeout when a first byte takes longer
  /// than that, and what hold() was told when that will last longer.
  static Task<void> wait_ready(std::shared_ptr<Progress> self, std::shared_ptr<Seat> seat,
                               Patience patience);
  /// Until bytes past `offset` may be read; returns where they end.
  static Task<std::uint64_t> wait_past(std::shared_ptr<Progress> self, std::shared_ptr<Seat> seat,
                                       std::uint64_t offset);
  /// After the disk failed: what ReaderBody::rest() says.
  static Task<Rest> rest(std::shared_ptr<Progress> self, std::shared_ptr<Seat> seat,
                         std::uint64_t offset);
  /// Until the fill has ended, however it did.
  static Task<void> wait_end(std::shared_ptr<Progress> self);

 private:
  class Waiting;
  const store::BlockMap* blocks() const noexcept { return last_ ? &*last_ : live_; }
  std::uint64_t present_end(std::uint64_t offset) const;
  std::uint64_t readable_end(const Seat& seat, std::uint64_t offset);
  std::uint64_t drip_end(const Seat& seat, std::uint64_t offset) const;
  void check(const Seat& seat) const;
  void check_hold(std::chrono::steady_clock::time_point deadline) const;

  std::uint64_t size_;
  std::chrono::milliseconds drip_interval_;
  std::shared_ptr<Counts> counts_;
  Handout handout_;
  std::shared_ptr<const Fd> file_;
  const store::BlockMap* live_ = nullptr;  // the staging's, while the fill runs
  std::optional<store::BlockMap> last_;    // its copy afterwards
  std::optional<Error> hold_;
  std::chrono::steady_clock::time_point hold_until_{};
  bool stored_ = false;
  bool asked_ = false;
  bool streaming_ = false;
  bool verified_ = false;
  bool ended_ = false;
  std::optional<Error> error_;
  std::optional<Hasher> hash_;  // after the disk failed, of the bytes before hashed_
  std::uint64_t hashed_ = 0;
  std::atomic<bool> false_{false};
  std::uint64_t turns_ = 0;
  Signal changed_;
  Signal work_;
};

}  // namespace hubcache::fill
