#pragma once

#include <cstdint>
#include <mutex>

#include "hubcache/store/disk.h"
#include "hubcache/store/store.h"

namespace hubcache::store {

/// Space is promised and counted in these: what file systems allot.
inline constexpr std::uint64_t kDiskPage = 4'096;
constexpr std::uint64_t on_pages(std::uint64_t bytes) {
  return (bytes + kDiskPage - 1) / kDiskPage * kDiskPage;
}
/// A range fill is promised so much at a time.
inline constexpr std::uint64_t kSpaceStep = std::uint64_t{64} << 20;

/// Who may write how much: what is used, and what was promised to fills and is not written yet.
/// Locked, not owned: it is asked by the pools' threads on behalf of every worker.
class Space {
 public:
  Space(Disk& disk, const Options& options) : disk_(disk), options_(options) {}

  /// All that the cap and the floor allow, whatever of it is used.
  std::uint64_t capacity() const;
  /// How much has to go before `bytes` may be promised; 0 when they may be.
  std::uint64_t shortage(std::uint64_t bytes) const;
  /// The same by the free-space floor alone.
  std::uint64_t disk_shortage(std::uint64_t bytes) const;
  /// Is more missing than who writes without a promise may take before room is made again?
  bool is_overdrawn() const;
  /// Throws kNoSpace when the free-space floor does not hold any more: others write here, too.
  void require_floor() const;

  /// Throws kNoSpace when the size cap or the free-space floor would not hold.
  void promise(std::uint64_t bytes);
  /// False where promise() throws.
  bool try_promise(std::uint64_t bytes);
  /// False when so much would not fit even if all else went: upstream says what it likes.
  bool is_sane(std::uint64_t size);
  void take_back(std::uint64_t bytes) noexcept;
  /// Promised bytes are about to be written: they count as used, and until they are written() as
  /// still to be taken of the disk.
  void spend(std::uint64_t bytes) noexcept;
  void written(std::uint64_t bytes) noexcept;

  void add_used(std::uint64_t bytes) noexcept;
  void remove_used(std::uint64_t bytes) noexcept;
  /// Used and promised, and what the files of others take.
  std::uint64_t total() const noexcept;

 private:
  std::uint64_t limit() const noexcept;
  std::uint64_t free_above_floor() const;
  /// The same, less what was promised or spent and will be taken of it. The mutex is held.
  std::uint64_t left_above_floor() const;
  /// disk_shortage(). The mutex is held.
  std::uint64_t missing_on_disk(std::uint64_t bytes) const;
  /// What counts within the cap. The mutex is held.
  std::uint64_t held() const;
  std::uint64_t of_others() const;

  Disk& disk_;
  const Options& options_;
  mutable std::mutex mutex_;
  std::uint64_t used_ = 0;
  std::uint64_t promised_ = 0;
  std::uint64_t unwritten_ = 0;  // of used_
};

/// One fill's share of the space. What was promised and not spent goes back with it; what was spent
/// stays used until hand_over(). Callable from any thread.
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
  /// fit, up to `at_most` in all. Every 64 MiB the floor is looked at. Throws kNoSpace.
  void spend(std::uint64_t bytes, std::uint64_t at_most);
  /// So many of the bytes that were spent are on the disk.
  void written(std::uint64_t bytes) noexcept;
  /// Corrects what is counted as used to what the disk says.
  void settle(std::uint64_t on_disk) noexcept;
  std::uint64_t spent() const noexcept;
  /// How much of it is not written yet.
  std::uint64_t unwritten() const noexcept;
  /// What was spent, which the caller sees to from now on.
  std::uint64_t hand_over() noexcept;

 private:
  Space& space_;
  mutable std::mutex mutex_;  // several writes of one fill run in the pool at once
  std::uint64_t left_ = 0;
  std::uint64_t spent_;
  std::uint64_t unwritten_ = 0;   // of spent_
  std::uint64_t since_look_ = 0;  // spent since the floor was looked at
};

}  // namespace hubcache::store
