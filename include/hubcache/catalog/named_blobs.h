#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "hubcache/base/clock.h"
#include "hubcache/base/digest.h"
#include "hubcache/base/lru.h"
#include "hubcache/base/workers.h"
#include "hubcache/db/database.h"
#include "hubcache/db/migration.h"
#include "hubcache/hub/probe.h"

namespace hubcache::catalog {

std::span<const db::Migration> named_blob_migrations();

/// A file that the Hub has named for a repo by its digest alone.
struct NamedBlob {
  std::uint64_t size = 0;
  std::string location{};  // where the bytes were found, or empty; in memory only, never stored
  bool stale = false;      // past its time, and the Hub could not be asked
};

/// Which files repos have that are asked for by digest, by git-lfs and /v2, as the Hub said of each
/// repo: that somebody names a digest says nothing (SECURITY 8). It counts for its time, as that a
/// repo has a commit does, and longer when the Hub cannot be asked. Callable from any worker.
class NamedBlobs {
 public:
  struct Options {
    std::chrono::milliseconds ttl{std::chrono::minutes(30)};
    std::chrono::milliseconds stale{std::chrono::hours(24)};
    std::size_t remembered = 20'000;  // a worker
    std::size_t locations = 1'000;    // signed URLs, a worker
  };
  NamedBlobs(Workers& workers, db::Database& database, Options options, const Clock& clock);

  /// The probe's file, which is asked for by digest, and may be read; nullopt: the repo has none
  /// such. Throws when the Hub has to be asked and cannot, or refuses.
  Task<std::optional<NamedBlob>> get(hub::Probe& probe);
  /// The Hub said that `file.repo`, by its canonical name, has this file.
  void learn(const hub::Endpoint& endpoint, const hub::FileRef& file, NamedBlob blob);

 private:
  struct Known {
    bool known = false;
    std::uint64_t size = 0;
    WallTime at{};
  };
  struct Shard {
    explicit Shard(const Options& options)
        : blobs(options.remembered), locations(options.locations) {}
    Lru<Known> blobs;
    Lru<std::string> locations;  // apart, for they are long
  };
  Shard& here() { return *shards_[workers_.current()]; }
  bool fresh(const Known& known, std::chrono::milliseconds ttl) const;
  Task<Known> recall(std::string key);
  NamedBlob blob_of(const std::string& key, const Known& known, bool stale);

  Workers& workers_;
  db::Database& database_;
  Options options_;
  const Clock& clock_;
  std::vector<std::shared_ptr<Shard>> shards_;  // by worker; shared with what is on its way there
};

}  // namespace hubcache::catalog
