#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "hubcache/base/clock.h"
#include "hubcache/base/digest.h"
#include "hubcache/base/task.h"
#include "hubcache/db/database.h"
#include "hubcache/db/migration.h"
#include "hubcache/obs/log.h"
#include "hubcache/store/store.h"

namespace hubcache::mirror {

std::span<const db::Migration> scrub_migrations();

/// Hashes every stored blob again within each period, one after the other and slowly, as verify()
/// does at once: what is wrong goes into quarantine, and is fetched anew. The first pass begins a
/// period after the first start, for what is stored was verified then. How far a pass is outlives a
/// restart. Belongs to one worker.
class Scrub {
 public:
  struct Options {
    std::chrono::milliseconds period;
    std::uint64_t rate;  // bytes a second at most; 0: no limit
    std::chrono::milliseconds record_interval{10'000};
  };
  /// `refetch` begins to have a blob that is gone fetched anew; where that cannot be, its next use
  /// does.
  using Refetch = std::function<void(Digest)>;
  Scrub(store::Store& store, db::Database& database, Refetch refetch, Options options,
        const Clock& clock, obs::Log& log);

  /// For ever; what fails is logged.
  Task<> run();
  /// Looks at the next blob, if it is time. Returns how long there is nothing to do.
  Task<std::chrono::milliseconds> step();

 private:
  /// Of the pass that runs, or of the one before.
  struct Pass {
    WallTime began{};
    std::string after{};  // the text of the digest that was looked at last
    bool done = false;
  };
  Task<Pass> recall();
  void record();
  void begin();
  std::chrono::milliseconds end();
  Task<std::optional<Digest>> next();
  std::uint64_t rate() const;

  store::Store& store_;
  db::Database& database_;
  Refetch refetch_;
  Options options_;
  const Clock& clock_;
  obs::Log& log_;
  std::optional<Pass> pass_;
  std::vector<store::Stored> page_;  // what comes next, the last one first
  SteadyTime recorded_{};
  std::int64_t checked_ = 0;  // of this pass, since the start
  std::int64_t wrong_ = 0;
};

}  // namespace hubcache::mirror
