#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <unordered_map>

#include "hubcache/base/error.h"
#include "hubcache/store/store.h"

#include "layout.h"
#include "space.h"

namespace hubcache::store {

/// Which fills are being staged, and what the parts of the others take on disk. Locked, for stages
/// begin and end on every worker.
class FillTable {
 public:
  /// What the space counts for the part. Throws kConflict when it is being staged.
  std::uint64_t acquire(const std::string& name) {
    const std::lock_guard lock(mutex_);
    auto& entry = entries_[name];
    if (entry.staged) {
      throw Error(Error::Kind::kConflict, "this blob is being staged already", name);
    }
    entry.staged = true;
    return entry.used;
  }
  void park(const std::string& name, std::uint64_t used) {
    const std::lock_guard lock(mutex_);
    entries_[name] = {.used = used, .staged = false};
  }
  void drop(const std::string& name) {
    const std::lock_guard lock(mutex_);
    entries_.erase(name);
  }

 private:
  struct Entry {
    std::uint64_t used = 0;
    bool staged = false;
  };
  std::mutex mutex_;
  std::unordered_map<std::string, Entry> entries_;
};

/// What a store and its stagings work with; a staging may be the last to go.
struct Shared {
  Shared(Options o, Disk& d, db::Database& b, Pool& p, const Clock& c, obs::Log& l)
      : options(std::move(o)),
        disk(d),
        database(b),
        pool(p),
        clock(c),
        log(l),
        layout(options.data_dir),
        space(d, options.data_dir, options.max_size, options.min_free) {}

  const Options options;
  Disk& disk;
  db::Database& database;
  Pool& pool;
  const Clock& clock;
  obs::Log& log;
  const Layout layout;
  Space space;
  FillTable fills;
};

}  // namespace hubcache::store
