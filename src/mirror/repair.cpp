#include "hubcache/mirror/repair.h"

#include <cstddef>
#include <cstdint>
#include <exception>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/co_spawn.hpp>

namespace hubcache::mirror {
namespace {

/// How many blobs turned out so.
struct Repaired {
  std::int64_t missing = 0;
  std::int64_t corrupted = 0;
  std::int64_t repaired = 0;
};

void tell(const Repaired& counts, tasks::Run& run) {
  run.report(
      {.code = "repair.missing", .message = "Identify missing units", .done = counts.missing});
  run.report({.code = "repair.corrupted",
              .message = "Identify corrupted units",
              .done = counts.corrupted});
  run.report(
      {.code = "repair.repaired", .message = "Repair corrupted units", .done = counts.repaired});
}

Task<store::Check> look_at(store::Store& store, Digest digest, bool verify_checksums) {
  if (verify_checksums) co_return co_await store.check(std::move(digest));
  if (co_await store.contains(digest)) co_return store::Check::kRight;
  co_await store.remove(std::move(digest));  // from who has it open, too
  co_return store::Check::kMissing;
}

/// The entries that name these blobs.
std::map<Digest, std::vector<catalog::KeptEntry>> entries_of(db::Connection& sql,
                                                             const std::set<Digest>& digests) {
  std::map<Digest, std::vector<catalog::KeptEntry>> found;
  catalog::each_entry(sql, [&](const catalog::KeptEntry& entry) {
    if (digests.contains(entry.digest)) found[entry.digest].push_back(entry);
  });
  return found;
}

Task<bool> refetch_by_any(const RepairParts& parts, const std::vector<catalog::KeptEntry>& named) {
  for (const auto& entry : named) {
    if (co_await parts.refetch(entry)) co_return true;
  }
  co_return false;
}

Task<std::int64_t> refetch_all(RepairParts parts, std::set<Digest> gone,
                               std::function<void(std::int64_t so_far)> tell) {
  std::int64_t refetched = 0;
  if (gone.empty()) co_return refetched;
  auto list = [gone = std::move(gone)](db::Connection& sql) { return entries_of(sql, gone); };
  const auto named = co_await parts.database.read(std::move(list));
  for (const auto& [digest, entries] : named) {
    if (co_await refetch_by_any(parts, entries)) ++refetched;
    tell(refetched);
  }
  co_return refetched;
}

}  // namespace

Task<> repair(RepairParts parts, bool verify_checksums, tasks::Run& run) {
  Repaired counts;
  std::set<Digest> gone;
  auto page = co_await parts.store.list(std::nullopt, store::Store::kPage);
  while (!page.empty()) {
    for (const auto& blob : page) {
      tell(counts, run);
      const auto check = co_await look_at(parts.store, blob.digest, verify_checksums);
      if (check == store::Check::kFalse) ++counts.corrupted;
      if (check == store::Check::kMissing) ++counts.missing;
      if (store::is_gone(check)) gone.insert(blob.digest);
    }
    page = co_await parts.store.list(page.back().digest, store::Store::kPage);
  }
  const auto told = [&](std::int64_t repaired) {
    counts.repaired = repaired;
    tell(counts, run);
  };
  counts.repaired = co_await refetch_all(std::move(parts), std::move(gone), told);
  tell(counts, run);
}

Task<std::int64_t> refetch(RepairParts parts, std::set<Digest> gone) {
  return refetch_all(std::move(parts), std::move(gone), [](std::int64_t /*so_far*/) {});
}

void RefetchQueue::add(Digest gone) {
  const bool is_new = gone_.insert(std::move(gone)).second;
  if (!is_new || gone_.size() > 1) return;  // it is under way
  asio::co_spawn(home_, run(), [](const std::exception_ptr&) {});
}

Task<> RefetchQueue::run() {
  while (!gone_.empty()) {
    const auto gone = gone_;  // all that there are by now, in one look through the entries
    try {
      co_await refetch(parts_, gone);
    } catch (const std::exception& failure) {
      log_.warn("a lost file cannot be fetched anew", {{"context", failure.what()}});
    }
    for (const auto& digest : gone) gone_.erase(digest);
  }
}

}  // namespace hubcache::mirror
