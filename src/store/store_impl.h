#pragma once

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

struct Store::Impl : Shared {
  using Shared::Shared;

  struct Found {
    std::shared_ptr<const Fd> file;
    Disk::FileSize size;
  };

  static std::optional<Found> look(const std::shared_ptr<Impl>& self, const Digest& digest);
  static Task<std::optional<Blob>> adopt(std::shared_ptr<Impl> self, Digest digest, Found found);
  static Task<Part::Opened> open_part(std::shared_ptr<Impl> self, Part::Plan plan,
                                      std::shared_ptr<Allowance> allowance);
  /// At `rate` bytes a second at most; 0: as fast as it can be read.
  static Task<bool> hashes_to(std::shared_ptr<Impl> self, Digest digest, Found found,
                              std::uint64_t rate = 0);
  static Task<bool> reads_right(std::shared_ptr<Impl> self, Digest digest, Found found,
                                std::uint64_t rate);
  static Task<void> forget(std::shared_ptr<Impl> self, Digest digest);
  static Task<void> put_aside(std::shared_ptr<Impl> self, Digest digest, Found found);
  static Task<std::uint64_t> adopt_lost_in(std::shared_ptr<Impl> self, std::string algorithm,
                                           int from, int& next);
  Task<void> heal(Digest digest, bool remove_file);
  void write_uses(std::vector<BlobUse> uses);
  bool begin_adoption(const Digest& digest) {
    const std::lock_guard lock(adopting_mutex);
    return adopting.insert(digest).second;
  }
  void end_adoption(const Digest& digest) {
    const std::lock_guard lock(adopting_mutex);
    adopting.erase(digest);
  }

  BadDigests bad_digests;
  std::mutex adopting_mutex;  // adoptions begin on any worker
  std::set<Digest> adopting;
};

}  // namespace hubcache::store
