// What one upstream connection of a fill does.
#include <algorithm>
#include <limits>
#include <memory>
#include <set>
#include <utility>

#include "hubcache/base/backoff.h"

#include "fill.h"

namespace hubcache::fill {
namespace {

// Each piece costs a way to the disk's pool and back, and memory: with many connections, in all
// fills, those that begin take small ones.
constexpr std::size_t kPiece = std::size_t{2} << 20;
constexpr std::size_t kSmallPiece = std::size_t{256} << 10;
constexpr std::size_t kFewConnections = 8;
constexpr int kMostBackoff = 64;  // times the first one
constexpr int kMostWaits = 10;    // that upstream asks for, without a byte in between

bool is_refusal(Error::Kind kind) {
  return kind == Error::Kind::kUnauthorized || kind == Error::Kind::kForbidden ||
         kind == Error::Kind::kNotFound;
}

Error nobody_reads() { return {Error::Kind::kUnavailable, "nobody reads the file any more"}; }

bool may_be_tried_again(Error::Kind kind) {
  return kind == Error::Kind::kUpstream || kind == Error::Kind::kUpstreamTimeout ||
         kind == Error::Kind::kTooManyRequests || kind == Error::Kind::kUnavailable;
}

}  // namespace

class Fill::Lease {
 public:
  Lease(Plan& plan, Run& run) : plan_(plan), run_(run) {}
  ~Lease() { plan_.done(run_); }
  Lease(const Lease&) = delete;
  Lease& operator=(const Lease&) = delete;

 private:
  Plan& plan_;
  Run& run_;
};

/// Counts a run that has no connection.
class Fill::Pause {
 public:
  explicit Pause(int& resting) : resting_(resting) { ++resting_; }
  ~Pause() { --resting_; }
  Pause(const Pause&) = delete;
  Pause& operator=(const Pause&) = delete;

 private:
  int& resting_;
};

/// As many as there are to be had. In line it stands once, however many it may have: there it gets
/// one at a time, and each for what is most urgent then. What nobody waits for any more is not
/// begun.
void Fill::begin_connections() {
  const bool is_worth_a_wait = is_read() || stored_ > 0 || plan_.running() > 0;
  if (in_line_ && !is_worth_a_wait) return stop(nobody_reads());
  const auto offsets = waiting();
  tell_need(offsets);
  satisfied_ = plan_.satisfied(staging_->blocks());
  while (!stopping_ && !in_line_ && plan_.has_next(staging_->blocks(), offsets, holds_back())) {
    const auto entry = sources_.current(via_);
    auto slot = entry ? context_.slots.take_now(*claim_, entry->remote) : Slot();
    if (entry && !slot) {
      if (!is_worth_a_wait) return stop(nobody_reads());
      in_line_ = true;
      start_job(&Fill::wait_in_line);
      return;
    }
    Run* run = next_run(slot);
    if (run == nullptr) return;
    // Without a source there is no slot: attempt() has the readers told.
    start(jobs_.emplace_back(std::make_shared<Job>()), connection(*run, std::move(slot)));
  }
}

Task<void> Fill::wait_in_line() {
  auto slot = co_await take_slot();
  in_line_ = false;
  Run* run = next_run(slot);
  progress_->work().notify();
  if (run != nullptr) co_await connection(*run, std::move(slot));
}

/// Fetches one run.
Task<void> Fill::connection(Run& run, Slot slot) {
  const Lease lease(plan_, run);
  co_await complete(run, std::move(slot));
}

/// One of the remote whose source is used; none when there is no source.
Task<Slot> Fill::take_slot() {
  while (const auto entry = sources_.current(via_)) {
    auto slot = co_await context_.slots.take(claim_, entry->remote);
    if (sources_.current(via_) == entry) co_return slot;
  }
  co_return Slot();
}

/// A run that gives way ends: its slot goes to the next, its rest back to the plan.
Task<void> Fill::complete(Run& run, Slot slot) {
  int failures = 0;
  int waits = 0;
  std::optional<Pause> pause;
  while (!stopping_ && run.position < run.end) {
    if (pause) slot = co_await take_slot();
    pause.reset();
    if (stopping_ || run.position >= run.end) co_return;  // meanwhile
    const std::uint64_t before = stored_;
    const auto entry = sources_.current(via_);
    const auto failure = co_await attempt(entry, run, slot);
    if (!failure || winding_down_ || run.position >= run.end) co_return;
    slot.give_back();
    pause.emplace(resting_);
    tell_need(waiting());
    if (stored_ != before) failures = waits = 0;
    if (is_refusal(failure->kind())) {
      if (!sources_.current(via_)) stop(*failure);
      continue;
    }
    const auto asked = failure->hub().retry_after;
    if (asked.count() > 0 && ++waits <= kMostWaits) {
      co_await wait_as_told(*failure, asked);
      continue;
    }
    if (!may_be_tried_again(failure->kind()) || ++failures > entry->max_retries) {
      stop(*failure);
      co_return;
    }
    context_.log.debug("fill is interrupted", {{"digest", digest_.text()},
                                               {"message", failure->what()},
                                               {"context", failure->context()}});
    co_await back_off(failures);
  }
}

Task<std::optional<Error>> Fill::attempt(std::shared_ptr<Sources::Entry> entry, Run& run,
                                         const Slot& slot) {
  if (!entry) co_return Error(Error::Kind::kForbidden, "no reader is left who may read this");
  std::optional<Error> failure;
  progress_->asking();
  try {
    co_await transfer(*entry, run, slot);
  } catch (const std::exception& caught) {
    failure = Error::from(caught);
  }
  if (failure && is_refusal(failure->kind())) {
    sources_.refuse(entry, *failure);
    progress_->advance();
  }
  co_return failure;
}

// Returns when the run is at its end, also when that was drawn nearer or another reader, or the
// reader of another file, is more urgent; throws what upstream did.
Task<void> Fill::transfer(Sources::Entry& entry, Run& run, const Slot& slot) {
  const std::uint64_t asked_end = run.end;
  const auto stream = co_await entry.source->open(run.position, run.end - run.position);
  std::uint64_t at = stream->offset();
  if (at != run.position) {
    if (at != 0) throw Error(Error::Kind::kUpstream, "upstream answered with another range");
    plan_.ignore_ranges(run, at);
    if (run.position == run.end) co_return;
  }
  // Not before: hundreds of fills may wait for upstream at once.
  const bool are_few = context_.slots.use().held <= kFewConnections;
  const std::size_t most = are_few ? kPiece : kSmallPiece;
  const auto buffer = std::make_unique_for_overwrite<std::byte[]>(most);
  while (!stopping_) {
    const auto count = co_await stream->read(asio::buffer(buffer.get(), most));
    if (count == 0) break;
    plan_.open_up();
    progress_->streaming();
    // More than was asked for: this is the whole, from the start, as some servers answer a Range.
    if (at + count > run.end && run.end == asked_end && asked_end < size_) {
      plan_.ignore_ranges(run, at);
    }

    const std::uint64_t end = std::min(at + count, run.end);
    const bool block_ended = store::BlockMap::block_of(at) != store::BlockMap::block_of(end);
    if (end > at) co_await keep(at, {buffer.get(), end - at}, entry.via);
    at += count;
    run.position = std::max(end, run.position);
    // At the end that was asked for, one more read lets the connection be used again.
    if (at >= run.end && (run.end != asked_end || at > asked_end)) co_return;
    if (block_ended && plan_.should_yield(run, staging_->blocks(), waiting())) co_return;
    if (block_ended && plan_.had_its_turn(run) && slot && slot.is_wanted()) co_return;
    if (plan_.satisfied(staging_->blocks()) && at < run.end) co_return;
  }
  if (run.position < run.end && !stopping_) {
    throw Error(Error::Kind::kUpstream, "upstream ended the file early");
  }
}

Task<void> Fill::keep(std::uint64_t offset, std::span<const std::byte> bytes,
                      const std::string& via) {
  if (staging_->blocks().has({.begin = offset, .end = offset + bytes.size()})) co_return;
  if (!via_.empty() && via != via_) {
    co_await staging_->mix();
    via_.clear();
  }
  co_await staging_->write(offset, bytes);
  stored_ += bytes.size();
  unattended_ = is_read() ? 0 : unattended_ + bytes.size();
  if (unattended_ > context_.options.unattended) {
    stop(nobody_reads());
  }
  progress_->advance();
  if (is_complete()) progress_->work().notify();
}

Task<void> Fill::back_off(int failures) {
  const auto first = context_.options.retry_delay;
  const Backoff backoff{.first = first, .most = first * kMostBackoff};
  Timer timer(home_, backoff.wait(failures));
  co_await timer.async_wait(use_task);
}

Task<void> Fill::wait_as_told(Error why, std::chrono::seconds time) {
  context_.log.info(
      "fill waits",
      {{"digest", digest_.text()}, {"seconds", time.count()}, {"message", why.what()}});
  Timer timer(home_, time);
  progress_->hold(std::move(why), timer.expiry());
  co_await timer.async_wait(use_task);
}

void Fill::tell_need(std::span<const std::uint64_t> offsets) {
  context_.slots.change(*claim_, need(offsets));
}

/// While nothing comes, or a run has no connection, whoever waits may wait for that.
Need Fill::need(std::span<const std::uint64_t> offsets) const {
  if (!is_waited_for()) return Need::kBackground;
  const auto waits = [](const auto& seat) { return seat->waits_at && !seat->refused; };
  const bool nothing_comes = plan_.running() == 0 || resting_ > 0;
  const bool awaited = nothing_comes ? std::ranges::any_of(seats_, waits)
                                     : plan_.is_awaited(staging_->blocks(), offsets);
  return awaited ? Need::kAwaited : Need::kAhead;
}

/// With others in line for the connection, its requests are short.
Run* Fill::next_run(const Slot& slot) {
  if (stopping_ || winding_down_) return nullptr;
  const auto offsets = waiting();
  const bool others_wait = slot && slot.is_wanted();
  const std::size_t places = others_wait ? std::numeric_limits<std::size_t>::max() : this->places();
  return plan_.next(staging_->blocks(), offsets, places, holds_back());
}

bool Fill::holds_back() const {
  const std::uint64_t hashed = staging_->hashed();
  return staging_->blocks().contiguous_end(hashed) - hashed > plan_.reach();
}

// Who waits longest comes first: with more readers than connections they take turns.
std::vector<std::uint64_t> Fill::waiting() {
  std::erase_if(seats_, [](const auto& seat) { return seat->left.load(); });
  std::ranges::sort(seats_, {}, [](const auto& seat) { return seat->turn; });
  std::vector<std::uint64_t> offsets;
  for (const auto& seat : seats_) {
    if (seat->waits_at && !seat->refused && !goes_along(*seat)) offsets.push_back(*seat->waits_at);
  }
  return offsets;
}

/// How many blocks are the next that some reader needs.
std::size_t Fill::places() const {
  std::set<std::size_t> blocks;
  for (const auto& seat : seats_) {
    if (seat->refused || goes_along(*seat)) continue;
    const std::uint64_t next = staging_->blocks().contiguous_end(seat->reached);
    if (next < seat->range.end()) blocks.insert(store::BlockMap::block_of(next));
  }
  return blocks.size();
}

/// It is one client's, who reads the whole in many places: the one request for it will come by.
bool Fill::goes_along(const Seat& seat) const { return seat.wants_all && plan_.is_one_request(); }

bool Fill::is_read() const {
  return std::ranges::any_of(seats_, [](const auto& seat) { return !seat->left; });
}

bool Fill::is_waited_for() const {
  return std::ranges::any_of(seats_,
                             [](const auto& seat) { return !seat->left && !seat->background; });
}

bool Fill::is_idle() const { return !stopping_ && satisfied_ && plan_.running() == 0; }

}  // namespace hubcache::fill
