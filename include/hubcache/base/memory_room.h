#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <utility>

namespace hubcache {

/// Memory that all together may take, whoever asks for it. Callable from any thread.
class MemoryRoom {
 public:
  class Share;

  /// `most`: bytes.
  explicit MemoryRoom(std::size_t most) : most_(most) {}

  /// False: there is no room for so much more now.
  bool take(std::size_t size) noexcept {
    if (taken_.fetch_add(size, std::memory_order_relaxed) + size <= most_) return true;
    give_back(size);
    return false;
  }
  void give_back(std::size_t size) noexcept { taken_.fetch_sub(size, std::memory_order_relaxed); }

 private:
  const std::size_t most_;
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
      : room_(std::move(other.room_)), size_(std::exchange(other.size_, 0)) {}
  Share& operator=(Share&& other) noexcept {
    std::swap(room_, other.room_);
    std::swap(size_, other.size_);
    return *this;
  }
  Share(const Share&) = delete;
  Share& operator=(const Share&) = delete;

  /// False, and as it was: the room has not that many bytes for it.
  bool grow_to(std::size_t size) noexcept {
    if (!room_ || size <= size_) return true;
    if (!room_->take(size - size_)) return false;
    size_ = size;
    return true;
  }
  void shrink_to(std::size_t size) noexcept {
    if (room_ && size < size_) room_->give_back(std::exchange(size_, size) - size);
  }

 private:
  std::shared_ptr<MemoryRoom> room_;
  std::size_t size_ = 0;
};

}  // namespace hubcache
