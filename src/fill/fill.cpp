#include "fill.h"

#include <algorithm>
#include <utility>

#include <boost/asio/bind_cancellation_slot.hpp>

#include "hubcache/base/uninterrupted.h"

namespace hubcache::fill {
namespace {

constexpr std::uint64_t kCheckpointBytes = std::uint64_t{64} << 20;
constexpr std::chrono::seconds kCheckpointTime{5};
constexpr std::uint64_t kHashStep = std::uint64_t{8} << 20;

Plan::Options plan_options(const Wish& wish) {
  Plan::Options options;
  options.connections = static_cast<std::size_t>(std::max(wish.connections, 1));
  return options;
}

/// A fill that was told to stop has not failed.
bool is_failure(const std::optional<Error>& ended_by) {
  return ended_by && ended_by->kind() != Error::Kind::kUnavailable;
}

obs::Counter& count_of(Counts& counts, Error::Kind failure) {
  if (failure == Error::Kind::kCorrupt) return counts.corrupt;
  return failure == Error::Kind::kIo ? counts.disk : counts.failed;
}

}  // namespace

Fill::Fill(const Context& context, std::size_t home, const Wish& first, std::function<void()> ended)
    : context_(context),
      home_(context.workers.executor(home)),
      ended_(std::move(ended)),
      origin_(first.origin),
      digest_(first.digest),
      size_(first.size),
      via_(first.via),
      afresh_(first.afresh),
      progress_(std::make_shared<Progress>(size_, context.options.drip_interval, context.counts)),
      plan_(size_, plan_options(first)),
      sources_(home) {}

void Fill::begin() {
  context_.counts->running.add(1);
  asio::co_spawn(home_, run(shared_from_this()), [](const std::exception_ptr&) {});
}

std::shared_ptr<Seat> Fill::admit(const Wish& wish) {
  charge(wish);
  auto seat = std::make_shared<Seat>();
  seat->range = wish.range;
  seat->reached = wish.range.offset;
  seat->to_end = wish.to_end;
  seat->verified_only = wish.verified_only;
  seat->for_proof = wish.for_proof;
  seat->wants_all = wish.wants_all;
  seats_.push_back(seat);
  seat->background = wish.background;
  sources_.add(wish, seat);
  if (wish.wants_all) {
    plan_.want_all(0);
  } else if (wish.to_end || wish.verified_only) {
    plan_.want_all(wish.range.offset);
  } else {
    plan_.want({.begin = wish.range.offset, .end = wish.range.end()});
  }
  progress_->work().notify();
  return seat;
}

// Here, and not when its reader has an answer: who leaves before that has the bytes fetched, too.
void Fill::charge(const Wish& wish) {
  const std::uint64_t bytes = adds(wish);
  if (bytes == 0 || !wish.payer) return;
  wish.payer->charge(bytes);
  if (progress_->has_streamed()) return;
  refunds_.emplace_back([refund = wish.payer->refund, bytes] { refund(bytes); });
}

std::uint64_t Fill::adds(const Wish& wish) const {
  if (wish.for_proof || plan_.wants_all()) return 0;
  return wish.wants_all || wish.to_end || wish.verified_only ? size_ : wish.range.length;
}

void Fill::park() { stop(Error(Error::Kind::kUnavailable, "the server is shutting down")); }

// `self` is a parameter: it keeps the fill for as long as this runs.
Task<void> Fill::run(std::shared_ptr<Fill> self) {
  std::optional<Error> failure;
  try {
    co_await self->live();
  } catch (const std::exception& caught) {
    failure = Error::from(caught);
  }
  self->settle(std::move(failure));
}

Task<void> Fill::live() {
  if (!co_await open()) co_return;
  co_await fetch_wanted();
  // With all bytes there, a disk that failed since matters to seal() only.
  if (error_ && is_of_disk(error_->kind()) && is_complete()) {
    error_.reset();
    stopping_ = false;
  }
  if (!error_ && is_complete()) co_await verify();
  if (error_) co_await give_up(*error_);
  if (staging_->verified()) {
    co_await accept();
  } else {
    co_await staging_->checkpoint();
  }
}

/// False when the blob was stored meanwhile: readers take it from there.
Task<bool> Fill::open() {
  const auto blob = afresh_ ? std::nullopt : co_await context_.store.open(digest_);
  if (blob) {
    if (blob->size != size_) {
      throw Error(Error::Kind::kUpstream, "the Hub names a size that the content does not have");
    }
    via_.clear();
    progress_->show_stored(blob->file);
    co_return false;
  }
  store::StageRequest request{.digest = digest_,
                              .size = size_,
                              .origin = origin_,
                              .via = via_,
                              .keep_via = true,  // until another repo really adds to it
                              .whole = plan_.wants_all()};
  staging_ = co_await context_.store.stage(std::move(request));
  via_ = staging_->via();
  progress_->show(staging_->file(), staging_->blocks());
  co_return true;
}

Task<void> Fill::fetch_wanted() {
  start_job(&Fill::keep_checkpoints);
  start_job(&Fill::hash_along);
  while (!stopping_ && !is_complete()) {
    drop_ended_jobs();
    begin_connections();
    if (stopping_) break;
    if (is_idle()) {
      co_await wait_for_wants();
    } else {
      co_await progress_->work().wait();
    }
  }
  co_await end_jobs();
}

Task<void> Fill::wait_for_wants() {
  const auto until = std::chrono::steady_clock::now() + context_.options.linger;
  while (is_idle() && std::chrono::steady_clock::now() < until) {
    co_await progress_->work().wait_until(until);
    satisfied_ = plan_.satisfied(staging_->blocks());
  }
  if (is_idle()) stopping_ = true;
}

Task<void> Fill::verify() {
  start_job(&Fill::verify_bytes);
  while (!stopping_ && !staging_->verified()) co_await progress_->work().wait();
  co_await end_jobs();
}

/// Throws `why`, once what it means for the stored bytes is done.
Task<void> Fill::give_up(Error why) {
  if (why.kind() != Error::Kind::kCorrupt) {
    co_await keep_what_is_there(is_of_disk(why.kind()));
    throw Error(std::move(why));
  }
  // Durable before any reader hears of it: a client may resume at once, with a false start.
  if (is_complete()) {
    co_await try_to(context_.store.remember_bad(origin_, digest_),
                    "a false download could not be remembered");
  }
  co_await try_to(staging_->discard(), "a false download could not be removed");
  throw Error(std::move(why));
}

/// What fails must not hide why the fill ends.
Task<void> Fill::try_to(Task<void> work, const char* failure) {
  try {
    co_await std::move(work);
  } catch (const std::exception& caught) {
    context_.log.error(failure,
                       {{"digest", digest_.text()}, {"context", Error::from(caught).context()}});
  }
}

/// For the next run, and when the disk failed the hash for readers of the whole, who go on without
/// it; not when all is there, for then nothing would come that is checked. What cannot be kept is
/// fetched again.
Task<void> Fill::keep_what_is_there(bool with_hash) {
  const bool for_readers =
      with_hash && !is_complete() && std::ranges::any_of(seats_, [this](const auto& seat) {
        return !seat->left && seat->range.length == size_;
      });
  try {
    if (for_readers) {
      const std::uint64_t end = staging_->blocks().contiguous_end(staging_->hashed());
      while (staging_->hashed() < end) co_await staging_->hash_ahead();
      progress_->keep_hash(staging_->hash_so_far(), staging_->hashed());
    }
    co_await staging_->checkpoint();
  } catch (const Error& error) {
    context_.log.warn("part of a download is lost",
                      {{"digest", digest_.text()}, {"context", error.context()}});
  }
}

Task<void> Fill::accept() {
  progress_->verified();  // no reader waits for what follows
  co_await report_verified();
  const bool is_there = afresh_ && co_await context_.store.contains(digest_);
  if (is_there) {
    co_await staging_->discard();
  } else {
    co_await staging_->seal();
  }
}

Task<void> Fill::report_verified() {
  if (!context_.options.on_verified) co_return;
  try {
    co_await context_.options.on_verified(origin_, via_, digest_);
  } catch (const std::exception& caught) {
    // Then it has to be proven one day.
    context_.log.warn("what a download proves could not be kept",
                      {{"digest", digest_.text()}, {"error", Error::from(caught).context()}});
  }
}

void Fill::settle(std::optional<Error> failure) {
  stopping_ = true;
  if (is_failure(failure)) {
    context_.log.warn("fill ended", {{"digest", digest_.text()},
                                     {"error", name_of(failure->kind())},
                                     {"message", failure->what()},
                                     {"context", failure->context()}});
  }
  // With a place for it: others will fare no better for a while.
  const bool had_place = staging_ || (failure && failure->kind() == Error::Kind::kIo);
  if (failure && is_of_disk(failure->kind()) && had_place) context_.store.distrust_disk();
  count_end(failure);
  if (!progress_->has_streamed()) {
    for (const auto& refund : refunds_) refund();
  }
  progress_->end(std::move(failure));
  staging_.reset();
  ended_();
}

/// Nothing is counted of a fill that found its blob stored.
void Fill::count_end(const std::optional<Error>& failure) const {
  auto& counts = *context_.counts;
  counts.running.add(-1);
  if (is_failure(failure)) {
    count_of(counts, failure->kind()).add();
  } else if (staging_) {
    (staging_->verified() ? counts.stored : counts.parked).add();
  }
}

void Fill::stop(const Error& why) {
  if (stopping_) return;
  stopping_ = true;
  error_ = why;
  progress_->work().notify();
}

void Fill::start_job(Task<void> (Fill::*work)()) {
  start(jobs_.emplace_back(std::make_shared<Job>()), (this->*work)());
}

void Fill::start(const std::shared_ptr<Job>& job, Task<void> work) {
  auto done = [self = shared_from_this(), job](const std::exception_ptr& failure) {
    job->ended = true;
    if (failure && !self->winding_down_) self->stop(Error::from(failure));
    self->progress_->work().notify();
  };
  asio::co_spawn(home_, std::move(work),
                 asio::bind_cancellation_slot(job->stop.slot(), std::move(done)));
}

// Bytes on their way to the disk are not lost by it: work in the pool is not cancelled.
Task<void> Fill::end_jobs() {
  winding_down_ = true;
  for (const auto& job : jobs_) job->stop.emit(asio::cancellation_type::terminal);
  drop_ended_jobs();
  while (!jobs_.empty()) {
    co_await progress_->work().wait();
    drop_ended_jobs();
  }
  winding_down_ = false;
}

void Fill::drop_ended_jobs() {
  std::erase_if(jobs_, [](const auto& job) { return job->ended; });
}

Task<void> Fill::keep_checkpoints() {
  auto last = context_.clock.steady();
  while (true) {
    co_await progress_->changed().wait_for(kCheckpointTime);
    const std::uint64_t bytes = staging_->bytes_since_checkpoint();
    const bool due = context_.clock.steady() - last >= kCheckpointTime;
    if (bytes < kCheckpointBytes && (!due || bytes == 0)) continue;
    try {
      co_await uninterrupted(staging_->checkpoint());
    } catch (const Error& error) {
      if (error.kind() != Error::Kind::kUnavailable) throw;  // the database is busy: the next time
    }
    last = context_.clock.steady();
  }
}

// Not for a few closed ranges: what they leave behind may never be completed.
Task<void> Fill::hash_along() {
  while (true) {
    const auto& blocks = staging_->blocks();
    const bool worth_it = plan_.wants_all() || blocks.blocks_present() > blocks.block_count() / 2;
    const std::uint64_t end = blocks.contiguous_end(staging_->hashed());
    if (worth_it && end - staging_->hashed() >= kHashStep) {
      co_await staging_->hash_ahead();
      progress_->work().notify();
    } else {
      co_await progress_->changed().wait();
    }
  }
}

Task<void> Fill::verify_bytes() { co_await staging_->verify(); }

}  // namespace hubcache::fill
