#include "space.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "hubcache/base/error.h"

namespace hubcache::store {
namespace {

constexpr std::uint64_t kShareOfOverdraft = 64;
constexpr std::uint64_t kMostOverdraft = std::uint64_t{64} << 20;

std::uint64_t less(std::uint64_t from, std::uint64_t bytes) { return from - std::min(from, bytes); }

}  // namespace

std::uint64_t Space::limit() const noexcept {
  return options_.max_size == 0 ? std::numeric_limits<std::uint64_t>::max() : options_.max_size;
}

std::uint64_t Space::free_above_floor() const {
  return less(disk_.free_space(options_.data_dir), options_.min_free);
}

std::uint64_t Space::left_above_floor() const {
  return less(free_above_floor(), promised_ + unwritten_);
}

std::uint64_t Space::of_others() const {
  std::uint64_t bytes = 0;
  for (const auto& file : options_.also_counted) bytes += disk_.bytes_on_disk(file);
  return bytes;
}

std::uint64_t Space::held() const {
  return used_ + promised_ + (options_.max_size == 0 ? 0 : of_others());
}

std::uint64_t Space::capacity() const {
  if (options_.max_size != 0) return options_.max_size;
  const std::lock_guard lock(mutex_);
  return used_ + free_above_floor();
}

std::uint64_t Space::shortage(std::uint64_t bytes) const {
  const std::lock_guard lock(mutex_);
  return std::max(less(held() + bytes, limit()), missing_on_disk(bytes));
}

std::uint64_t Space::disk_shortage(std::uint64_t bytes) const {
  const std::lock_guard lock(mutex_);
  return missing_on_disk(bytes);
}

std::uint64_t Space::missing_on_disk(std::uint64_t bytes) const {
  return less(promised_ + unwritten_ + bytes + options_.min_free,
              disk_.free_space(options_.data_dir));
}

bool Space::is_overdrawn() const {
  return shortage(0) > std::min(capacity() / kShareOfOverdraft, kMostOverdraft);
}

void Space::require_floor() const {
  if (disk_.free_space(options_.data_dir) >= options_.min_free) return;
  throw Error(Error::Kind::kNoSpace, "the cache is full", "min_free does not hold any more");
}

bool Space::is_sane(std::uint64_t size) {
  const std::lock_guard lock(mutex_);
  return size <= limit() && less(size, used_) <= free_above_floor();
}

bool Space::try_promise(std::uint64_t bytes) {
  const std::lock_guard lock(mutex_);
  if (bytes > less(limit(), held())) return false;
  if (bytes > left_above_floor()) return false;
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
  unwritten_ += bytes;
}

void Space::written(std::uint64_t bytes) noexcept {
  const std::lock_guard lock(mutex_);
  unwritten_ = less(unwritten_, bytes);
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
  std::uint64_t others = 0;
  try {
    others = of_others();
  } catch (const Error&) {  // a disk that fails: the rest is known
  }
  const std::lock_guard lock(mutex_);
  return used_ + promised_ + others;
}

Reservation::~Reservation() {
  space_.take_back(left_);
  space_.written(unwritten_);
}

void Reservation::extend(std::uint64_t bytes) {
  const std::lock_guard lock(mutex_);
  space_.promise(bytes);
  left_ += bytes;
}

void Reservation::spend(std::uint64_t bytes, std::uint64_t at_most) {
  const std::lock_guard lock(mutex_);
  if (since_look_ >= kSpaceStep) {
    space_.require_floor();
    since_look_ = 0;
  }
  if (bytes > left_) {
    const std::uint64_t needed = bytes - left_;
    const std::uint64_t step = std::min(kSpaceStep, less(at_most, spent_ + left_));
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
  unwritten_ += bytes;
  since_look_ += bytes;
}

void Reservation::written(std::uint64_t bytes) noexcept {
  const std::lock_guard lock(mutex_);
  bytes = std::min(bytes, unwritten_);
  space_.written(bytes);
  unwritten_ -= bytes;
}

void Reservation::settle(std::uint64_t on_disk) noexcept {
  const std::lock_guard lock(mutex_);
  space_.add_used(on_disk);
  space_.remove_used(spent_);
  space_.written(std::exchange(unwritten_, 0));
  spent_ = on_disk;
}

std::uint64_t Reservation::hand_over() noexcept {
  const std::lock_guard lock(mutex_);
  return std::exchange(spent_, 0);
}

std::uint64_t Reservation::unwritten() const noexcept {
  const std::lock_guard lock(mutex_);
  return unwritten_;
}

std::uint64_t Reservation::spent() const noexcept {
  const std::lock_guard lock(mutex_);
  return spent_;
}

}  // namespace hubcache::store
