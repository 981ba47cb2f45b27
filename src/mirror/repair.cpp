#include "hubcache/mirror/repair.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "hubcache/base/error.h"
#include "hubcache/store/disk.h"

namespace hubcache::mirror {
namespace {

constexpr std::uint64_t kPiece = 4ULL << 20U;  // bytes hashed at a time in the pool

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

void hash_piece(const Fd& file, std::uint64_t offset, std::uint64_t size, Hasher& hasher) {
  std::vector<std::byte> bytes(size);
  const auto count = store::PosixDisk().pread(file, offset, bytes);
  hasher.update(std::span(bytes).first(count));
}

/// A disk that cannot read the bytes has not got them.
Task<bool> is_right(Pool& pool, store::Blob blob) {
  auto hasher = std::make_shared<Hasher>(blob.digest.algorithm(), blob.size);
  try {
    for (std::uint64_t offset = 0; offset < blob.size; offset += kPiece) {
      const auto size = std::min(kPiece, blob.size - offset);
      auto work = [hasher, file = blob.file, offset, size] {
        hash_piece(*file, offset, size, *hasher);
      };
      co_await offload(pool, std::move(work));
    }
  } catch (const Error& error) {
    if (error.kind() != Error::Kind::kIo) throw;
    co_return false;
  }
  co_return hasher->finish() == blob.digest;
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
    auto blob = co_await parts.store.open(digest);
    const bool is_there = blob.has_value();
    if (is_there) {
      if (!verify_checksums || co_await is_right(parts.pool, std::move(*blob))) continue;
    }
    ++(is_there ? counts.corrupted : counts.missing);
    gone.insert(digest);
    co_await parts.store.remove(digest);
    co_await parts.forget(digest);
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
