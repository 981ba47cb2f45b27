#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <boost/asio/cancellation_signal.hpp>

#include "hubcache/base/digest.h"
#include "hubcache/fill/fills.h"
#include "hubcache/fill/plan.h"
#include "hubcache/fill/slots.h"
#include "hubcache/store/staging.h"

#include "progress.h"
#include "sources.h"

namespace hubcache::fill {

/// What fills work with; outlives them.
struct Context {
  Workers& workers;
  store::Store& store;
  Slots slots;
  Fills::Options options;
  const Clock& clock;
  obs::Log& log;
  std::shared_ptr<Counts> counts;
};

/// One download of one blob, shared by every request that wants the blob.
///
/// Detached: once a reader wanted the whole, it runs to its end even when all readers have left;
/// for closed ranges it fetches their blocks, waits a little for more, and parks. It begins with
/// a look at the store and ends verified and sealed, discarded (false bytes), or parked.
///
/// Threading: belongs to its home worker; only that calls it.
class Fill : public std::enable_shared_from_this<Fill> {
 public:
  /// For what the first reader wants, who still has to be admitted. `ended` is called once, when
  /// another fill of the blob may begin.
  Fill(const Context& context, std::size_t home, const Wish& first, std::function<void()> ended);
  void begin();

  /// False when it is about to end without the blob: who comes now waits for that.
  bool admits() const noexcept { return !stopping_; }
  /// Has the wish's payer charged.
  std::shared_ptr<Seat> admit(const Wish& wish);
  const std::shared_ptr<Progress>& progress() const noexcept { return progress_; }
  std::uint64_t size() const noexcept { return size_; }
  /// The repo all bytes came through; empty when they are mixed. Known once progress() is open.
  const std::string& via() const noexcept { return via_; }
  /// For shutdown: keeps what is there for the next run. progress() tells when that is done.
  void park();

 private:
  /// Something a fill does beside other things: a connection, checkpoints, hashing.
  struct Job {
    asio::cancellation_signal stop;
    bool ended = false;
  };
  /// Gives a run back to the plan.
  class Lease;
  class Pause;

  static Task<void> run(std::shared_ptr<Fill> self);
  Task<void> live();
  Task<bool> open();
  Task<void> fetch_wanted();
  Task<void> wait_for_wants();
  Task<void> verify();
  Task<void> give_up(Error why);
  Task<void> try_to(Task<void> work, const char* failure);
  Task<void> keep_what_is_there(bool with_hash);
  Task<void> accept();
  Task<void> report_verified();
  void settle(std::optional<Error> failure);
  void count_end(const std::optional<Error>& failure) const;
  void stop(const Error& why);

  void charge(const Wish& wish);
  /// How many bytes are wanted with this wish that are not without it, at most.
  std::uint64_t adds(const Wish& wish) const;

  void start_job(Task<void> (Fill::*work)());
  void start(const std::shared_ptr<Job>& job, Task<void> work);
  Task<void> end_jobs();
  void drop_ended_jobs();

  Task<void> keep_checkpoints();
  Task<void> hash_along();
  Task<void> verify_bytes();

  void begin_connections();
  Task<void> wait_in_line();
  Task<void> connection(Run& run, Slot slot);
  Task<Slot> take_slot();
  Task<void> complete(Run& run, Slot slot);
  /// Without an entry it fails as a refusal does.
  Task<std::optional<Error>> attempt(std::shared_ptr<Sources::Entry> entry, Run& run,
                                     const Slot& slot);
  Task<void> transfer(Sources::Entry& entry, Run& run, const Slot& slot);
  Task<void> keep(std::uint64_t offset, std::span<const std::byte> bytes, const std::string& via);
  Task<void> back_off(int failures);
  Task<void> wait_as_told(Error why, std::chrono::seconds time);

  /// With what readers wait at: how much the fill needs the slots it asks for. Told each time that
  /// work() wakes it, and when a run has lost its connection.
  void tell_need(std::span<const std::uint64_t> offsets);
  Need need(std::span<const std::uint64_t> offsets) const;
  Run* next_run(const Slot& slot);
  /// Does the hash lag so far behind that the end would wait for it?
  bool holds_back() const;
  std::vector<std::uint64_t> waiting();
  std::size_t places() const;
  bool goes_along(const Seat& seat) const;
  bool is_idle() const;
  bool is_read() const;
  bool is_waited_for() const;
  bool is_complete() const { return staging_->blocks().complete(); }

  const Context& context_;
  Executor home_;
  std::function<void()> ended_;
  std::string origin_;
  Digest digest_;
  std::uint64_t size_;
  std::string via_;
  bool afresh_;
  std::shared_ptr<Progress> progress_;
  std::unique_ptr<store::Staging> staging_;  // from open() to the end
  Plan plan_;
  Sources sources_;
  std::vector<std::shared_ptr<Seat>> seats_;
  std::vector<std::function<void()>> refunds_;  // of what was charged before upstream delivered
  std::list<std::shared_ptr<Job>> jobs_;
  std::shared_ptr<Claim> claim_ = std::make_shared<Claim>(Need::kBackground);
  bool in_line_ = false;          // a job is in line for the next connection
  int resting_ = 0;               // runs that have no connection for now
  std::uint64_t stored_ = 0;      // bytes written in this run
  std::uint64_t unattended_ = 0;  // of them since the last reader left
  bool satisfied_ = false;        // all that is wanted is there
  bool winding_down_ = false;     // jobs are being ended; what they throw means nothing
  bool stopping_ = false;
  std::optional<Error> error_;  // why it stops, unless it is idle
};

}  // namespace hubcache::fill
