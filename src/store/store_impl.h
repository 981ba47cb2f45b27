#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "hubcache/store/store.h"

#include "bad_digests.h"
#include "part.h"
#include "shared.h"

namespace hubcache::store {

/// Digests that something goes on with. Callable from any thread.
class Underway {
 public:
  /// False when it goes on already.
  bool begin(const Digest& digest) {
    const std::lock_guard lock(mutex_);
    return digests_.insert(digest).second;
  }
  void end(const Digest& digest) {
    const std::lock_guard lock(mutex_);
    digests_.erase(digest);
  }
  bool has(const Digest& digest) const {
    const std::lock_guard lock(mutex_);
    return digests_.contains(digest);
  }

 private:
  mutable std::mutex mutex_;
  std::set<Digest> digests_;
};

struct Store::Impl : Shared {
  using Shared::Shared;

  struct Found {
    std::shared_ptr<const Fd> file;
    Disk::FileSize size;
  };

  static std::optional<Found> look(const std::shared_ptr<Impl>& self, const Digest& digest);
  /// The same without a wait; nullopt says nothing.
  static std::optional<Found> look_at_once(const std::shared_ptr<Impl>& self, const Digest& digest);
  /// nullopt when the file system fails.
  std::optional<Disk::FileSize> size_of(const Fd& file) const;
  static Task<bool> remove(std::shared_ptr<Impl> self, Digest digest);
  static Task<std::optional<Blob>> adopt(std::shared_ptr<Impl> self, Digest digest, Found found);
  static Task<Part::Opened> open_part(std::shared_ptr<Impl> self, Part::Plan plan,
                                      std::shared_ptr<Allowance> allowance);
  /// At `rate` bytes a second at most; 0: as fast as it can be read.
  static Task<bool> hashes_to(std::shared_ptr<Impl> self, Digest digest, Found found,
                              std::uint64_t rate = 0);
  static Task<bool> reads_right(std::shared_ptr<Impl> self, Digest digest, Found found,
                                std::uint64_t rate);
  static Task<void> forget(std::shared_ptr<Impl> self, Digest digest);
  /// False when that file is there no more.
  static Task<bool> put_aside(std::shared_ptr<Impl> self, Digest digest, Found found);
  static Task<Check> check(std::shared_ptr<Impl> self, Digest digest, std::uint64_t rate);
  /// Checks a blob that is doubted, and ends the doubt.
  static Task<void> settle(std::shared_ptr<Impl> self, Digest digest);
  static Task<std::uint64_t> adopt_lost_in(std::shared_ptr<Impl> self, std::string algorithm,
                                           int from, int& next);
  Task<void> heal(Digest digest, bool remove_file);
  void write_uses(std::vector<BlobUse> uses);

  BadDigests bad_digests;
  Underway adopting;
  Underway doubted;  // could not be read while they were served
  std::atomic<std::chrono::steady_clock::time_point> distrusted_until{};
};

}  // namespace hubcache::store
