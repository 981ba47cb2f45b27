#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "hubcache/base/error.h"
#include "hubcache/fill/fills.h"
#include "hubcache/fill/source.h"

#include "progress.h"

namespace hubcache::fill {

/// The rights by which a fill reads: one source for each reader. It uses one until that is refused,
/// then one of a reader who is still there (SECURITY 2). Belongs to the fill's worker.
class Sources {
 public:
  struct Entry {
    std::string via;
    RemoteLimit remote;
    std::shared_ptr<Seat> seat;
    SourceFactory make;
    int max_retries = 0;
    std::unique_ptr<Source> source{};  // made when first used
  };
  explicit Sources(std::size_t worker) : worker_(worker) {}

  void add(const Wish& wish, std::shared_ptr<Seat> seat);
  /// The one to use, made; null when no reader has one that may be used. When another has to be
  /// taken, one of the repo `via` is preferred: its bytes need not be mixed.
  std::shared_ptr<Entry> current(const std::string& via);
  /// Drops a refused source and ends its reader.
  void refuse(const std::shared_ptr<Entry>& entry, const Error& why);

 private:
  std::size_t worker_;
  bool begun_ = false;
  std::shared_ptr<Entry> current_;
  std::vector<std::shared_ptr<Entry>> others_;
};

}  // namespace hubcache::fill
