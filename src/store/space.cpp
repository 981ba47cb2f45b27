#include "space.h"

#include <algorithm>
#include <limits>

#include "hubcache/base/error.h"

namespace hubcache::store {
namespace {

constexpr std::uint64_t kStep = std::uint64_t{64} << 20;

std::uint64_t less(std::uint64_t from, std::uint64_t bytes) { return from - std::min(from, bytes); }

}  // namespace

std::uint64_t Space::limit() const noexcept {
  return max_size_ == 0 ? std::numeric_limits<std::uint64_t>::max() : max_size_;
}

void Space::require_sane(std::uint64_t size) {
  const std::lock_guard lock(mutex_);
  const std::uint64_t free = less(disk_.free_space(root_), min_free_);
  if (size > limit() || less(size, used_) > free) {
    throw Error(Error::Kind::kNoSpace, "the file is larger than the cache");
  }
}

bool Space::try_promise(std::uint64_t bytes) {
  const std::lock_guard lock(mutex_);
  if (bytes > less(limit(), used_ + promised_)) return false;
  const std::uint64_t free = less(disk_.free_space(root_), min_free_);
  if (bytes > less(free, promised_)) return false;
  promised_ += bytes;
  return true;
}

void Space::promise(std::uint64_t bytes) {
  if (!try_promise(bytes)) {
    throw Error(Error::Kind::kNoSpace, "the cache is full", "max_size or min_free would not hold");
  }
}

void Space::take_back(std::uint64_t bytes) noexcept {
  const std::lock_guard lock(mutex_);
  promised_ = less(promised_, bytes);
}

void Space::spend(std::uint64_t bytes) noexcept {
  const std::lock_guard lock(mutex_);
  promised_ = less(promised_, bytes);
  used_ += bytes;
}

void Space::add_used(std::uint64_t bytes) noexcept {
  const std::lock_guard lock(mutex_);
  used_ += bytes;
}

void Space::remove_used(std::uint64_t bytes) noexcept {
  const std::lock_guard lock(mutex_);
  used_ = less(used_, bytes);
}

std::uint64_t Space::total() const noexcept {
  const std::lock_guard lock(mutex_);
  return used_ + promised_;
}

Reservation::~Reservation() { space_.take_back(left_); }

void Reservation::extend(std::uint64_t bytes) {
  const std::lock_guard lock(mutex_);
  space_.promise(bytes);
  left_ += bytes;
}

void Reservation::spend(std::uint64_t bytes, std::uint64_t at_most) {
  const std::lock_guard lock(mutex_);
  if (bytes > left_) {
    const std::uint64_t needed = bytes - left_;
    const std::uint64_t step = std::min(kStep, less(at_most, spent_ + left_));
    std::uint64_t more = std::max(needed, step);
    if (!space_.try_promise(more)) {
      more = needed;
      space_.promise(more);
    }
    left_ += more;
  }
  space_.spend(bytes);
  left_ -= bytes;
  spent_ += bytes;
}

void Reservation::settle(std::uint64_t on_disk) noexcept {
  const std::lock_guard lock(mutex_);
  space_.add_used(on_disk);
  space_.remove_used(spent_);
  spent_ = on_disk;
}

std::uint64_t Reservation::spent() const noexcept {
  const std::lock_guard lock(mutex_);
  return spent_;
}

}  // namespace hubcache::store
