#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <unordered_map>
#include <utility>

#include "hubcache/base/error.h"
#include "hubcache/store/store.h"

#include "evictor.h"
#include "layout.h"
#include "open_files.h"
#include "shelves.h"
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
  /// For eviction: as acquire(), nullopt when it is being staged.
  std::optional<std::uint64_t> try_acquire(const std::string& name) {
    const std::lock_guard lock(mutex_);
    auto& entry = entries_[name];
    if (std::exchange(entry.staged, true)) return std::nullopt;
    entry.leaving = true;
    return entry.used;
  }
  /// Is it being evicted just now?
  bool is_leaving(const std::string& name) const {
    const std::lock_guard lock(mutex_);
    const auto found = entries_.find(name);
    return found != entries_.end() && found->second.leaving;
  }
  /// What the space counts for the part of a parked fill; nullopt when it is being staged.
  std::optional<std::uint64_t> parked_bytes(const std::string& name) const {
    const std::lock_guard lock(mutex_);
    const auto found = entries_.find(name);
    if (found == entries_.end() || found->second.staged) return std::nullopt;
    return found->second.used;
  }
  /// Is it being staged, or parked?
  bool knows(const std::string& name) const {
    const std::lock_guard lock(mutex_);
    return entries_.contains(name);
  }
  void park(const std::string& name, std::uint64_t used) {
    const std::lock_guard lock(mutex_);
    if (used == 0) {
      entries_.erase(name);
    } else {
      entries_[name] = {.used = used, .staged = false};
    }
  }
  void drop(const std::string& name) {
    const std::lock_guard lock(mutex_);
    entries_.erase(name);
  }

 private:
  struct Entry {
    std::uint64_t used = 0;
    bool staged = false;
    bool leaving = false;  // staged by an eviction
  };
  mutable std::mutex mutex_;
  std::unordered_map<std::string, Entry> entries_;
};

/// What a store and its stagings work with; a staging may be the last to go.
struct Shared {
  Shared(Options o, Disk& d, db::Database& b, Pool& p, Executor home, const Clock& c, obs::Log& l)
      : options(std::move(o)),
        disk(d),
        database(b),
        pool(p),
        clock(c),
        log(l),
        layout(options.data_dir),
        space(d, options),
        evictor(home) {}

  /// A descriptor still to be opened, of a file with the bytes of `digest`: the file counts as in
  /// use from now on until it is closed.
  static std::shared_ptr<Fd> hold(std::shared_ptr<Shared> self, const Digest& digest) {
    auto held = std::make_shared<Held>(std::move(self), digest);
    return {held, &held->file};
  }
  struct Held {
    Held(std::shared_ptr<Shared> of, Digest name) : shared(std::move(of)), digest(std::move(name)) {
      shared->open_files.opened(digest);
    }
    ~Held() {
      file = Fd();  // first: what is still open takes its space
      shared->space.remove_used(shared->open_files.closed(digest));
    }
    Held(const Held&) = delete;
    Held& operator=(const Held&) = delete;

    std::shared_ptr<Shared> shared;
    Digest digest;
    Fd file;
  };
  /// A file of `digest` that took so much was removed.
  void removed(const Digest& digest, std::uint64_t bytes) {
    space.remove_used(open_files.removed(digest, bytes));
  }

  const Options options;
  Disk& disk;
  db::Database& database;
  Pool& pool;
  const Clock& clock;
  obs::Log& log;
  const Layout layout;
  Space space;
  FillTable fills;
  OpenFiles open_files;
  Shelves shelves;
  Evictor evictor;
  Evicted evicted;
};

}  // namespace hubcache::store
