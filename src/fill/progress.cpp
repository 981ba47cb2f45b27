#include "progress.h"

#include <algorithm>
#include <utility>

namespace hubcache::fill {
namespace {

constexpr std::uint64_t kHeldBack = std::uint64_t{1} << 20;       // until verified
constexpr std::uint64_t kNeverDripped = std::uint64_t{64} << 10;  // the end of what is held back
constexpr std::uint64_t kDrip = 1'024;
constexpr std::uint64_t kGivenAtOnce = std::uint64_t{64} << 20;

std::uint64_t without_end(std::uint64_t end) { return end - std::min(end, kNeverDripped); }

}  // namespace

/// Tells the scheduler where a reader waits, for as long as it does.
class Progress::Waiting {
 public:
  Waiting(Progress& progress, Seat& seat, std::uint64_t offset)
      : seat_(seat), one_(progress.counts_->waiting) {
    seat_.waits_at = offset;
    seat_.reached = offset;
    seat_.turn = ++progress.turns_;
    progress.work_.notify();
  }
  ~Waiting() { seat_.waits_at.reset(); }
  Waiting(const Waiting&) = delete;
  Waiting& operator=(const Waiting&) = delete;

 private:
  Seat& seat_;
  obs::OneOf one_;
};

void Progress::show(std::shared_ptr<const Fd> file, const store::BlockMap& blocks) {
  file_ = std::move(file);
  live_ = &blocks;
  handout_.inherit(blocks);
  changed_.notify();
}

void Progress::show_stored(std::shared_ptr<const Fd> file) {
  file_ = std::move(file);
  stored_ = true;
  verified();
}

void Progress::streaming() {
  if (std::exchange(streaming_, true)) return;
  changed_.notify();
  work_.notify();
}

void Progress::hold(Error why, std::chrono::steady_clock::time_point until) {
  hold_ = std::move(why);
  hold_until_ = until;
  changed_.notify();
}

void Progress::verified() {
  verified_ = true;
  changed_.notify();
}

void Progress::keep_hash(Hasher hash, std::uint64_t end) {
  hash_ = std::move(hash);
  hashed_ = end;
}

void Progress::end(std::optional<Error> failure) {
  if (live_ != nullptr) last_ = *live_;
  live_ = nullptr;
  false_ = failure && failure->kind() == Error::Kind::kCorrupt;
  error_ = std::move(failure);
  ended_ = true;
  changed_.notify();
}

std::uint64_t Progress::present() const noexcept {
  if (stored_) return size_;
  return blocks() != nullptr ? std::min(size_, blocks()->blocks_present() * store::kBlockSize) : 0;
}

std::uint64_t Progress::present_end(std::uint64_t offset) const {
  return blocks() != nullptr ? blocks()->contiguous_end(offset) : offset;
}

std::uint64_t Progress::readable_end(const Seat& seat, std::uint64_t offset) {
  if (verified_) return size_;
  if (seat.verified_only) return offset;
  std::uint64_t end = present_end(offset);
  if (seat.for_proof) return end;
  end = std::min({end, seat.range.end(), offset + kGivenAtOnce});
  if (seat.to_end) end = std::min(end, size_ - std::min(size_, kHeldBack));
  return end > offset ? handout_.give({.begin = offset, .end = end}) : offset;
}

// Some clients give up when nothing comes for 10 s; a few bytes keep them. The last 64 KiB of what
// is held back never come that way: without them nobody has the whole.
std::uint64_t Progress::drip_end(const Seat& seat, std::uint64_t offset) const {
  if (seat.verified_only) return offset;
  const std::uint64_t block_end = (store::BlockMap::block_of(offset) + 1) * store::kBlockSize;
  std::uint64_t end = std::min({offset + kDrip, present_end(offset), seat.range.end()});
  end = std::min(end, handout_.gave(offset) ? block_end : without_end(std::min(block_end, size_)));
  return seat.to_end ? std::min(end, without_end(size_)) : end;
}

// When the disk failed, what is there is still handed out: the reader goes on from where it ends.
void Progress::check(const Seat& seat) const {
  if (seat.refused) throw *seat.refused;
  if (error_ && !verified_ && !is_of_disk(error_->kind())) throw *error_;
}

/// Throws what upstream said, with the time that is left of it.
void Progress::check_hold(std::chrono::steady_clock::time_point deadline) const {
  if (!hold_ || hold_until_ <= deadline) return;
  auto detail = hold_->hub();
  const auto left = hold_until_ - std::chrono::steady_clock::now();
  detail.retry_after = std::chrono::ceil<std::chrono::seconds>(left);
  throw Error(hold_->kind(), hold_->what(), std::move(detail));
}

Task<void> Progress::wait_open(std::shared_ptr<Progress> self) {
  while (!self->file_) {
    if (self->error_) throw *self->error_;
    co_await self->changed_.wait();
  }
}

Task<void> Progress::wait_ready(std::shared_ptr<Progress> self, std::shared_ptr<Seat> seat,
                                Patience patience) {
  const std::uint64_t offset = seat->range.offset;
  const auto deadline = std::chrono::steady_clock::now() + patience.first_byte;
  const auto turn_by = patience.clock.steady() + patience.in_line;
  const Waiting waiting(*self, *seat, offset);  // only now: who sees it wait may move the clock
  while (true) {
    self->check(*seat);
    if (self->verified_ || self->present_end(offset) > offset) co_return;
    if (self->error_) throw *self->error_;
    if (self->streaming_ || self->ended_) co_return;
    const auto in_line = turn_by - patience.clock.steady();
    if (!self->asked_ && in_line.count() <= 0) co_return;
    self->check_hold(deadline);
    const auto now = std::chrono::steady_clock::now();
    if (now >= deadline) {
      throw Error(Error::Kind::kUpstreamTimeout,
                  "nothing of the file came in time: the Hub is slow, or all connections for files "
                  "are taken "
                  "([upstream] max_connections)");
    }
    co_await self->changed_.wait_until(self->asked_ ? deadline : std::min(deadline, now + in_line));
  }
}

Task<std::uint64_t> Progress::wait_past(std::shared_ptr<Progress> self, std::shared_ptr<Seat> seat,
                                        std::uint64_t offset) {
  const Waiting waiting(*self, *seat, offset);
  const auto drip_at = std::chrono::steady_clock::now() + self->drip_interval_;
  while (true) {
    self->check(*seat);
    const std::uint64_t end = self->readable_end(*seat, offset);
    if (end > offset) co_return end;
    if (self->error_) throw *self->error_;
    if (self->ended_) throw Error(Error::Kind::kUnavailable, "the download was given up");
    const std::uint64_t drip = self->drip_end(*seat, offset);
    if (drip <= offset) {
      co_await self->changed_.wait();
    } else if (std::chrono::steady_clock::now() >= drip_at) {
      co_return drip;
    } else {
      co_await self->changed_.wait_until(drip_at);
    }
  }
}

Task<Rest> Progress::rest(std::shared_ptr<Progress> self, std::shared_ptr<Seat> seat,
                          std::uint64_t offset) {
  const bool whole = seat->range.offset == 0 && seat->range.length == self->size_;
  if (!whole || offset == 0) co_return Rest{.present = {}, .offset = offset, .hash = {}};
  if (!self->hash_ || self->hashed_ < offset) throw *self->error_;
  http::FileSpan present{.file = self->file_, .offset = offset, .length = self->hashed_ - offset};
  co_return Rest{
      .present = std::move(present), .offset = self->hashed_, .hash = self->hash_->copy()};
}

Task<void> Progress::wait_end(std::shared_ptr<Progress> self) {
  while (!self->ended_) co_await self->changed_.wait();
}

}  // namespace hubcache::fill
