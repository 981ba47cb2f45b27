#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "hubcache/base/clock.h"
#include "hubcache/base/signal.h"
#include "hubcache/base/task.h"

#include "rows.h"

namespace hubcache::store {

struct Shared;

/// What one fill may still evict of what was used within a day (SECURITY 19).
struct Allowance {
  std::optional<std::uint64_t> recent;  // bytes; nullopt until the first eviction
};

/// Makes room: removes what was used longest ago, blobs and parked fills alike, but nothing that is
/// pinned, being read or being filled. One eviction at a time, on a home worker; disk and SQL in
/// their pools. make_room() is callable from any worker.
class Evictor {
 public:
  explicit Evictor(Executor home) : home_(std::move(home)) {}

  /// Until `wished` more bytes may be promised, or at least `needed`; false, with nothing
  /// removed, when not even that can be. Also false where the disk does not give back yet what was
  /// removed: then no more goes for a while. Not cancelled: it ends what it began.
  static Task<bool> make_room(std::shared_ptr<Shared> shared, std::uint64_t needed,
                              std::uint64_t wished, std::shared_ptr<Allowance> allowance);
  /// For what is held and free to be within the limits again, which the files of others may have
  /// exceeded, however recently used the victims are; false, with nothing removed, when all of them
  /// would not do. What helps nothing is not repeated for a while. Not cancelled.
  static Task<bool> restore(std::shared_ptr<Shared> shared);
  /// How many of `wished` bytes make_room() would find room for; a forecast, nothing is removed.
  static Task<std::uint64_t> room(std::shared_ptr<Shared> shared, std::uint64_t wished);
  /// Returns when the eviction that runs now has ended.
  static Task<void> wait_for_one(std::shared_ptr<Shared> shared);
  /// In the background: some room ahead of need, from what was not used for a day.
  static void keep_headroom(std::shared_ptr<Shared> shared);

 private:
  struct Plan {
    std::vector<Candidate> victims;
    std::uint64_t bytes = 0;
    std::uint64_t recent = 0;  // of these, used within a day
  };

  static Task<bool> make_room_here(std::shared_ptr<Shared> shared, std::uint64_t needed,
                                   std::uint64_t wished, std::shared_ptr<Allowance> allowance);
  /// Once no other eviction runs.
  static Task<bool> alone(std::shared_ptr<Shared> shared, Task<bool> work);
  static Task<bool> restore_here(std::shared_ptr<Shared> shared);
  static Task<bool> see_what_it_freed(std::shared_ptr<Shared> shared, std::uint64_t missing,
                                      std::uint64_t wished);
  static Task<bool> is_futile(std::shared_ptr<Shared> shared, std::uint64_t wished);
  static Task<void> prepare(std::shared_ptr<Shared> shared);
  static Task<bool> evict(std::shared_ptr<Shared> shared, std::uint64_t needed,
                          std::uint64_t wished, Allowance& allowance);
  static Task<void> note_uses(std::shared_ptr<Shared> shared);
  static Task<Plan> choose(std::shared_ptr<Shared> shared, std::uint64_t bytes,
                           std::uint64_t most_recent, std::set<std::string> spared);
  static Task<void> remove(std::shared_ptr<Shared> shared, Plan plan,
                           std::set<std::string>& spared);
  static Task<void> remove_some(std::shared_ptr<Shared> shared, std::vector<Candidate> some,
                                std::set<std::string>& spared);

  Executor home_;
  bool busy_ = false;
  SteadyTime futile_until_ = SteadyTime::min();  // no eviction for the disk's sake
  Signal done_;
};

}  // namespace hubcache::store
