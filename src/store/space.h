#pragma once

#include <cstdint>
#include <filesystem>
#include <mutex>

#include "hubcache/store/disk.h"

namespace hubcache::store {

/// Who may write how much: what is used, and what was promised to fills and is not written yet.
/// Locked, not owned: it is asked by the pools' threads on behalf of every worker.
class Space {
 public:
  Space(Disk& disk, std::filesystem::path root, std::uint64_t max_size, std::uint64_t min_free)
      : disk_(disk), root_(std::move(root)), max_size_(max_size), min_free_(min_free) {}

  /// Throws kNoSpace when the size cap or the free-space floor would not hold.
  void promise(std::uint64_t bytes);
  /// False where promise() throws.
  bool try_promise(std::uint64_t bytes);
  /// Throws kNoSpace when so much would not fit even if all else went: upstream says what it likes.
  void require_sane(std::uint64_t size);
  void take_back(std::uint64_t bytes) noexcept;
  /// Promised bytes were written.
  void spend(std::uint64_t bytes) noexcept;

  void add_used(std::uint64_t bytes) noexcept;
  void remove_used(std::uint64_t bytes) noexcept;
  /// Used and promised.
  std::uint64_t total() const noexcept;

 private:
  std::uint64_t limit() const noexcept;

  Disk& disk_;
  const std::filesystem::path root_;
  const std::uint64_t max_size_;
  const std::uint64_t min_free_;
  mutable std::mutex mutex_;
  std::uint64_t used_ = 0;
  std::uint64_t promised_ = 0;
};

/// One fill's share of the space. What was promised and not spent goes back with it; what was spent
/// stays used until released(). Callable from any thread.
class Reservation {
 public:
  /// `spent` bytes are counted as used already.
  Reservation(Space& space, std::uint64_t spent) : space_(space), spent_(spent) {}
  ~Reservation();
  Reservation(const Reservation&) = delete;
  Reservation& operator=(const Reservation&) = delete;

  /// `bytes` more, at once. Throws kNoSpace.
  void extend(std::uint64_t bytes);
  /// Before `bytes` are written; when the promise is used up it is extended, by 64 MiB where they
  /// fit, up to `at_most` in all. Throws kNoSpace.
  void spend(std::uint64_t bytes, std::uint64_t at_most);
  /// Corrects what is counted as used to what the disk says.
  void settle(std::uint64_t on_disk) noexcept;
  std::uint64_t spent() const noexcept;

 private:
  Space& space_;
  mutable std::mutex mutex_;  // several writes of one fill run in the pool at once
  std::uint64_t left_ = 0;
  std::uint64_t spent_;
};

}  // namespace hubcache::store
