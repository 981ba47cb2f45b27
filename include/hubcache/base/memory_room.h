#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <memory>
#include <utility>

namespace hubcache {

/// Memory that all together may take, whoever asks for it. Callable from any thread.
class MemoryRoom {
 public:
  class Share;

  /// `most`: bytes; `free`: bytes of each share that take no room.
  explicit MemoryRoom(std::size_t most, std::size_t free = 0) : most_(most), free_(free) {}

  /// What a share of that size takes of the room.
  std::size_t taken_by(std::size_t size) const noexcept { return size - std::min(size, free_); }

  /// False: there is no room for so much more now.
  bool take(std::size_t size) noexcept {
    if (taken_.fetch_add(size, std::memory_order_relaxed) + size <= most_) return true;
    give_back(size);
    return false;
  }
  void give_back(std::size_t size) noexcept { taken_.fetch_sub(size, std::memory_order_relaxed); }

 private:
  const std::size_t most_;
  const std::size_t free_;
  std::atomic<std::size_t> taken_{0};
};

/// What one has of a room; given back in the end. Used by one at a time.
class MemoryRoom::Share {
 public:
  /// Of no room: as large as one likes.
  Share() = default;
  explicit Share(std::shared_ptr<MemoryRoom> room) : room_(std::move(room)) {}
  ~Share() { shrink_to(0); }
  Share(Share&& other) noexcept
      : room_(std::move(other.room_)), taken_(std::exchange(other.taken_, 0)) {}
  Share& operator=(Share&& other) noexcept {
    std::swap(room_, other.room_);
    std::swap(taken_, other.taken_);
    return *this;
  }
  Share(const Share&) = delete;
  Share& operator=(const Share&) = delete;

  /// False, and as it was: the room has not that many bytes for it.
  bool grow_to(std::size_t size) noexcept {
    const std::size_t wanted = room_ ? room_->taken_by(size) : 0;
    if (wanted <= taken_) return true;
    if (!room_->take(wanted - taken_)) return false;
    taken_ = wanted;
    return true;
  }
  void shrink_to(std::size_t size) noexcept {
    const std::size_t kept = room_ ? room_->taken_by(size) : 0;
    if (kept < taken_) room_->give_back(std::exchange(taken_, kept) - kept);
  }

 private:
  std::shared_ptr<MemoryRoom> room_;
  std::size_t taken_ = 0;
};

}  // namespace hubcache
