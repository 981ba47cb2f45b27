#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "hubcache/base/clock.h"
#include "hubcache/db/database.h"
#include "hubcache/store/store.h"
#include "hubcache/tasks/queue.h"

namespace hubcache::mirror {

/// What nobody can come to any more, and when it may go.
struct OrphanRules {
  std::chrono::minutes protection{std::chrono::days(1)};  // blobs used later than that stay
  /// Keys of entries to treat as orphans, and no others; empty: all that are orphans by themselves.
  std::vector<std::string> entries = {};
};

/// Removes orphans: entries of remotes that are gone or have another hub or token by now, and then
/// blobs that no entry names and that were not used within the protection time. Whoever reads such
/// a blob reads on; whoever asks for it later has it fetched anew. Reports `clean-up.content` and
/// `clean-up.artifacts`, as Pulp calls the two. Callable from any worker; all outlive it.
Task<> clean_up_orphans(db::Database& database, store::Store& store, const Clock& clock,
                        OrphanRules rules, tasks::Run& run);

/// Removes the proofs of blobs that are not stored, and those that failed; but none of the last
/// day, nor of what was imported. They are made anew when they are needed. Returns how many went.
Task<std::int64_t> remove_orphan_proofs(db::Database& database, const Clock& clock);

}  // namespace hubcache::mirror
