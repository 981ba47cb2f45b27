#pragma once

#include <cstdint>
#include <functional>
#include <set>
#include <utility>

#include "hubcache/base/digest.h"
#include "hubcache/base/task.h"
#include "hubcache/catalog/entries.h"
#include "hubcache/db/database.h"
#include "hubcache/obs/log.h"
#include "hubcache/store/store.h"
#include "hubcache/tasks/queue.h"

namespace hubcache::mirror {

/// What a repair works with; all of it outlives the task.
struct RepairParts {
  db::Database& database;
  store::Store& store;
  /// Has a file fetched anew; false when that cannot be done.
  std::function<Task<bool>(catalog::KeptEntry)> refetch;
};

/// Looks at every blob the store should have: is its file there, and, if asked to, are its bytes
/// what their digest says? What is wrong goes, as store::Store::check() says, and is fetched anew
/// where an entry names it. Reports `repair.missing`, `repair.corrupted` and `repair.repaired`.
Task<> repair(RepairParts parts, bool verify_checksums, tasks::Run& run);

/// Has these blobs, which are gone, fetched anew where an entry names them. Returns how many were.
Task<std::int64_t> refetch(RepairParts parts, std::set<Digest> gone);

/// The same in the background: who looks for what is wrong does not wait for a download. Belongs to
/// the worker `home`, and outlives what runs there.
class RefetchQueue {
 public:
  RefetchQueue(RepairParts parts, Executor home, obs::Log& log)
      : parts_(std::move(parts)), home_(std::move(home)), log_(log) {}

  /// A blob that waits or is under way is not fetched twice. What fails is logged.
  void add(Digest gone);

 private:
  Task<> run();

  RepairParts parts_;
  Executor home_;
  obs::Log& log_;
  std::set<Digest> gone_;  // not empty: run() runs
};

}  // namespace hubcache::mirror
