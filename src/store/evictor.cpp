#include "evictor.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "hubcache/base/error.h"
#include "hubcache/base/uninterrupted.h"
#include "hubcache/store/open_blobs.h"

#include "on_exit.h"
#include "part.h"
#include "shared.h"

namespace hubcache::store {
namespace {

constexpr std::chrono::hours kRecent{24};
constexpr std::uint64_t kShareOfRecent = 4;
constexpr std::uint64_t kShareOfHeadroom = 32;
constexpr std::uint64_t kShareOfStep = 16;  // a small cache is not emptied for a step of a fill
constexpr std::uint64_t kMostHeadroom = std::uint64_t{8} << 30;
constexpr std::size_t kBatch = 64;
/// File systems may free late, or never what a snapshot or a link holds.
constexpr std::chrono::minutes kFutilePause{10};
constexpr std::uint64_t kAll = std::numeric_limits<std::uint64_t>::max();

// Work in the pools may outlive the coroutine that asked for it, when the server ends: it shares
// what it needs.

Task<std::uint64_t> shortage(std::shared_ptr<Shared> shared, std::uint64_t bytes) {
  auto work = [shared, bytes] { return shared->space.shortage(bytes); };
  co_return co_await offload(shared->pool, std::move(work));
}

Task<std::uint64_t> capacity(std::shared_ptr<Shared> shared) {
  auto work = [shared] { return shared->space.capacity(); };
  co_return co_await offload(shared->pool, std::move(work));
}

Task<std::vector<BlobUse>> uses_of(OpenBlobs& blobs) { co_return blobs.take_uses(); }

Task<void> close_on(OpenBlobs& blobs, std::vector<Digest> digests) {
  blobs.close_idle(digests);
  co_return;
}

/// Removes the file of a blob nobody reads; false when somebody does.
bool remove_blob(Shared& shared, const Candidate& blob) {
  if (shared.open_files.is_open(blob.digest)) return false;
  shared.disk.remove(shared.layout.blob(blob.digest));
  return true;
}

/// The same for a parked fill, in the space's accounts too.
bool remove_fill(Shared& shared, const Candidate& fill) {
  const auto used = shared.fills.try_acquire(fill.name);
  if (!used) return false;
  if (shared.open_files.is_open(fill.digest)) {
    shared.fills.park(fill.name, *used);
    return false;
  }
  try {
    Part::remove_files(shared.disk, shared.layout, fill.name);
  } catch (...) {
    shared.fills.park(fill.name, *used);
    throw;
  }
  shared.fills.drop(fill.name);
  shared.removed(fill.digest, *used);
  return true;
}

/// What is false goes first.
void empty_quarantine(Shared& shared) {
  const auto quarantine = shared.layout.quarantine();
  for (const auto& name : shared.disk.list(quarantine)) {
    const std::uint64_t bytes = shared.disk.bytes_on_disk(quarantine / name);
    if (shared.disk.remove(quarantine / name)) shared.space.remove_used(bytes);
  }
}

bool remove_one(Shared& shared, const Candidate& one) {
  try {
    return one.is_fill ? remove_fill(shared, one) : remove_blob(shared, one);
  } catch (const Error& error) {
    shared.log.warn("a file could not be evicted",
                    {{"digest", one.digest.text()}, {"context", error.context()}});
    return false;
  }
}

/// What the rows know of an eviction that has begun.
struct Marked {
  /// Returns the names of those that may not go, for they were pinned meanwhile.
  std::set<std::string> begin(db::Connection& sql) const {
    std::set<std::string> pinned;
    for (const auto& one : some) {
      if (is_pinned(sql, one.digest)) {
        pinned.insert(one.name);
      } else if (!one.is_fill) {
        set_state(sql, one.digest, BlobState::kLeaving);
      }
    }
    return pinned;
  }
  /// Returns the bytes of each that were counted as used. What was stored or begun anew since its
  /// file went has a row that is not of this eviction.
  std::vector<std::uint64_t> end(db::Connection& sql, const Shared& shared,
                                 const std::vector<bool>& gone) const {
    std::vector<std::uint64_t> bytes(some.size());
    for (std::size_t i = 0; i < some.size(); ++i) {
      const auto& one = some[i];
      if (one.is_fill) {
        if (gone[i] && !shared.fills.knows(one.name)) drop_fill(sql, one.name);
      } else if (!gone[i]) {
        set_state(sql, one.digest, one.state);
      } else if (const auto row =
                     is_told ? take_leaving_blob(sql, one.digest) : take_blob(sql, one.digest)) {
        bytes[i] = row->on_disk;
      }
    }
    return bytes;
  }

  std::vector<Candidate> some;
  bool is_told = true;  // the rows say so
};

}  // namespace

Task<bool> Evictor::make_room(std::shared_ptr<Shared> shared, std::uint64_t needed,
                              std::uint64_t wished, std::shared_ptr<Allowance> allowance) {
  const Executor home = shared->evictor.home_;
  co_return co_await uninterrupted(
      home, make_room_here(std::move(shared), needed, wished, std::move(allowance)));
}

Task<bool> Evictor::restore(std::shared_ptr<Shared> shared) {
  if (co_await shortage(shared, 0) == 0) co_return true;
  const Executor home = shared->evictor.home_;
  co_return co_await uninterrupted(home, alone(shared, restore_here(shared)));
}

Task<bool> Evictor::restore_here(std::shared_ptr<Shared> shared) {
  const auto missing = co_await shortage(shared, 0);
  if (missing == 0 || co_await is_futile(shared, 0)) co_return true;
  co_await prepare(shared);
  std::set<std::string> spared;
  auto plan = co_await choose(shared, missing, kAll, spared);
  if (plan.bytes < missing) co_return false;
  co_await remove(shared, std::move(plan), spared);
  // Of those that were open more goes the next time.
  if (spared.empty()) co_await see_what_it_freed(shared, missing, 0);
  co_return true;
}

/// False when the disk is what is short, and as much is missing as before. Others may have taken
/// what became free within max_size.
Task<bool> Evictor::see_what_it_freed(std::shared_ptr<Shared> shared, std::uint64_t missing,
                                      std::uint64_t wished) {
  auto look = [shared, wished] { return shared->space.disk_shortage(wished); };
  const std::uint64_t still = co_await offload(shared->pool, std::move(look));
  if (still == 0 || still < missing) co_return true;
  shared->evictor.futile_until_ = shared->clock.steady() + kFutilePause;
  shared->log.warn("what was evicted has freed nothing yet on the file system");
  co_return false;
}

/// Is it the disk that is short, which did not free what was evicted lately?
Task<bool> Evictor::is_futile(std::shared_ptr<Shared> shared, std::uint64_t wished) {
  if (shared->clock.steady() >= shared->evictor.futile_until_) co_return false;
  auto work = [shared, wished] { return shared->space.disk_shortage(wished) > 0; };
  co_return co_await offload(shared->pool, std::move(work));
}

Task<std::uint64_t> Evictor::room(std::shared_ptr<Shared> shared, std::uint64_t wished) {
  std::uint64_t missing = co_await shortage(shared, wished);
  if (missing == 0) co_return wished;
  const std::uint64_t all = co_await capacity(shared);
  const std::uint64_t most = std::min(wished, all);
  missing -= std::min(missing, wished - most);
  const auto plan = co_await choose(shared, missing, all / kShareOfRecent, {});
  co_return most - std::min(most, missing - std::min(missing, plan.bytes));
}

void Evictor::keep_headroom(std::shared_ptr<Shared> shared) {
  const Executor home = shared->evictor.home_;
  auto work = [](std::shared_ptr<Shared> self) -> Task<void> {
    const std::uint64_t all = co_await capacity(self);
    const std::uint64_t headroom = std::min(all / kShareOfHeadroom, kMostHeadroom);
    const auto nothing_recent = std::make_shared<Allowance>(Allowance{.recent = 0});
    co_await make_room_here(self, 0, headroom, nothing_recent);
  };
  asio::co_spawn(home, work(shared), [shared](const std::exception_ptr& failure) {
    if (!failure) return;
    const auto error = Error::from(failure);
    shared->log.warn("no room was made ahead of need",
                     {{"message", error.what()}, {"context", error.context()}});
  });
}

Task<void> Evictor::wait_for_one(std::shared_ptr<Shared> shared) {
  auto wait = [](Evictor& self) -> Task<void> {
    if (self.busy_) co_await self.done_.wait();
  };
  co_await on(shared->evictor.home_, wait(shared->evictor));
}

Task<bool> Evictor::make_room_here(std::shared_ptr<Shared> shared, std::uint64_t needed,
                                   std::uint64_t wished, std::shared_ptr<Allowance> allowance) {
  co_return co_await alone(shared, evict(shared, needed, wished, *allowance));
}

Task<bool> Evictor::alone(std::shared_ptr<Shared> shared, Task<bool> work) {
  auto& self = shared->evictor;
  while (self.busy_) co_await self.done_.wait();
  self.busy_ = true;
  const OnExit done([&self] {
    self.busy_ = false;
    self.done_.notify();
  });
  co_return co_await std::move(work);
}

Task<bool> Evictor::evict(std::shared_ptr<Shared> shared, std::uint64_t needed,
                          std::uint64_t wished, Allowance& allowance) {
  if (co_await shortage(shared, wished) == 0) co_return true;
  const std::uint64_t all = co_await capacity(shared);
  if (needed > all) co_return false;
  if (!allowance.recent) allowance.recent = all / kShareOfRecent;
  wished = std::max(needed, std::min(wished, all / kShareOfStep));
  if (co_await is_futile(shared, wished)) co_return co_await shortage(shared, needed) == 0;

  co_await prepare(shared);
  std::set<std::string> spared;
  while (true) {
    const std::uint64_t missing = co_await shortage(shared, wished);
    if (missing == 0) co_return true;
    auto plan = co_await choose(shared, missing, *allowance.recent, spared);
    const std::uint64_t least = co_await shortage(shared, needed);
    if (plan.victims.empty() || plan.bytes < least) co_return least == 0;
    *allowance.recent -= plan.recent;
    const auto spared_before = spared.size();
    co_await remove(shared, std::move(plan), spared);
    const bool all_went = spared.size() == spared_before;
    if (all_went && !co_await see_what_it_freed(shared, missing, wished)) {
      co_return co_await shortage(shared, needed) == 0;
    }
  }
}

Task<void> Evictor::prepare(std::shared_ptr<Shared> shared) {
  auto remove_false = [shared] { empty_quarantine(*shared); };
  co_await offload(shared->pool, std::move(remove_false));
  co_await note_uses(shared);
}

/// So that the rows tell the order in which things were used.
Task<void> Evictor::note_uses(std::shared_ptr<Shared> shared) {
  std::vector<BlobUse> uses;
  for (const auto& shelf : shared->shelves.all()) {
    const auto some = co_await on(shelf.worker, uses_of(*shelf.blobs));
    uses.insert(uses.end(), some.begin(), some.end());
  }
  auto write = [uses = std::move(uses)](db::Connection& sql) {
    for (const auto& use : uses) touch_blob(sql, use.digest, use.at);
  };
  try {
    co_await shared->database.write(std::move(write));
  } catch (const Error& error) {
    // A full disk: what is removed for it may be the wrong one, but something has to be.
    if (error.kind() != Error::Kind::kNoSpace) throw;
  }
}

/// The least recently used ones until they make up `bytes`.
Task<Evictor::Plan> Evictor::choose(std::shared_ptr<Shared> shared, std::uint64_t bytes,
                                    std::uint64_t most_recent, std::set<std::string> spared) {
  auto read = [shared, bytes, most_recent, spared = std::move(spared),
               recent_since = shared->clock.now() - kRecent](db::Connection& sql) {
    Plan plan;
    auto take = [&](Candidate one) {
      if (plan.bytes >= bytes) return false;
      if (spared.contains(one.name)) return true;
      if (one.is_fill) {
        const auto parked = shared->fills.parked_bytes(one.name);
        if (!parked) return true;
        one.bytes = *parked;
      }
      if (one.last_used > recent_since) {
        if (plan.recent + one.bytes > most_recent) return false;
        plan.recent += one.bytes;
      }
      plan.bytes += one.bytes;
      plan.victims.push_back(std::move(one));
      return true;
    };
    each_candidate(sql, take);
    return plan;
  };
  co_return co_await shared->database.read(std::move(read));
}

Task<void> Evictor::remove(std::shared_ptr<Shared> shared, Plan plan,
                           std::set<std::string>& spared) {
  std::vector<Digest> digests;
  digests.reserve(plan.victims.size());
  for (const auto& one : plan.victims) digests.push_back(one.digest);
  for (const auto& shelf : shared->shelves.all()) {
    co_await on(shelf.worker, close_on(*shelf.blobs, digests));
  }
  for (std::size_t begin = 0; begin < plan.victims.size(); begin += kBatch) {
    const auto first = plan.victims.begin() + static_cast<std::ptrdiff_t>(begin);
    const auto count = std::min(kBatch, plan.victims.size() - begin);
    std::vector<Candidate> some(first, first + static_cast<std::ptrdiff_t>(count));
    co_await remove_some(shared, std::move(some), spared);
  }
}

// The rows first say that the files are leaving, so that a start after a crash ends what was begun:
// a row without a file counts for space that is free, a file without a row is not counted at all.
Task<void> Evictor::remove_some(std::shared_ptr<Shared> shared, std::vector<Candidate> some,
                                std::set<std::string>& spared) {
  std::erase_if(some, [&](const Candidate& one) {
    const bool open = shared->open_files.is_open(one.digest);
    if (open) spared.insert(one.name);
    return open;
  });
  if (some.empty()) co_return;
  const auto marked = std::make_shared<Marked>(Marked{.some = std::move(some)});
  try {
    auto mark = [marked](db::Connection& sql) { return marked->begin(sql); };
    const auto pinned = co_await shared->database.write(std::move(mark));
    std::erase_if(marked->some, [&](const Candidate& one) { return pinned.contains(one.name); });
    spared.insert(pinned.begin(), pinned.end());
  } catch (const Error& error) {
    // On a full disk the rows can wait until there is room again.
    if (error.kind() != Error::Kind::kNoSpace) throw;
    marked->is_told = false;
  }

  auto unlink = [shared, marked] {
    std::vector<bool> gone;
    for (const auto& one : marked->some) gone.push_back(remove_one(*shared, one));
    return gone;
  };
  const auto gone = co_await offload(shared->pool, std::move(unlink));
  auto end = [shared, marked, gone](db::Connection& sql) {
    return marked->end(sql, *shared, gone);
  };
  const auto bytes = co_await shared->database.write(std::move(end));
  for (std::size_t i = 0; i < marked->some.size(); ++i) {
    const auto& one = marked->some[i];
    if (!gone[i]) spared.insert(one.name);
    if (bytes[i] > 0) shared->removed(one.digest, bytes[i]);
    if (gone[i]) {
      (one.is_fill ? shared->evicted.fills : shared->evicted.blobs).add();
      shared->evicted.bytes.add(one.bytes);
      shared->log.debug("evicted", {{"digest", one.digest.text()}, {"bytes", one.bytes}});
    }
  }
}

}  // namespace hubcache::store
