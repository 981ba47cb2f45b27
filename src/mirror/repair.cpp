#include "hubcache/mirror/repair.h"

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace hubcache::mirror {
namespace {

/// How many blobs turned out so.
struct Counts {
  std::int64_t missing = 0;
  std::int64_t corrupted = 0;
  std::int64_t repaired = 0;
};

void tell(const Counts& counts, tasks::Run& run) {
  run.report(
      {.code = "repair.missing", .message = "Identify missing units", .done = counts.missing});
  run.report({.code = "repair.corrupted",
              .message = "Identify corrupted units",
              .done = counts.corrupted});
  run.report(
      {.code = "repair.repaired", .message = "Repair corrupted units", .done = counts.repaired});
}

std::vector<Digest> all_blobs(db::Connection& sql) {
  std::vector<Digest> digests;
  auto rows = sql.query("SELECT digest FROM blobs ORDER BY digest");
  while (rows.step()) {
    const auto text = rows.text(0);
    auto digest = Digest::from_etag(std::string_view(text).substr(text.find(':') + 1));
    if (digest) digests.push_back(std::move(*digest));
  }
  return digests;
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

}  // namespace

Task<> repair(RepairParts parts, bool verify_checksums, tasks::Run& run) {
  const auto digests = co_await parts.database.read(all_blobs);
  Counts counts;
  std::set<Digest> gone;
  for (const auto& digest : digests) {
    tell(counts, run);
    const auto check = co_await look_at(parts.store, digest, verify_checksums);
    if (check == store::Check::kFalse) ++counts.corrupted;
    if (check == store::Check::kMissing) ++counts.missing;
    if (check == store::Check::kFalse || check == store::Check::kMissing) gone.insert(digest);
  }
  if (!gone.empty()) {
    auto list = [gone](db::Connection& sql) { return entries_of(sql, gone); };
    const auto named = co_await parts.database.read(std::move(list));
    for (const auto& [digest, entries] : named) {
      if (co_await refetch_by_any(parts, entries)) ++counts.repaired;
      tell(counts, run);
    }
  }
  tell(counts, run);
}

}  // namespace hubcache::mirror
