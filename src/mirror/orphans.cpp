#include "hubcache/mirror/orphans.h"

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "hubcache/base/digest.h"
#include "hubcache/base/error.h"
#include "hubcache/catalog/entries.h"

namespace hubcache::mirror {
namespace {

constexpr std::int64_t kBatch = 1'000;  // rows that one transaction removes
// One that failed refuses for so long; and a proof may be there before its blob.
constexpr std::chrono::days kProofsStay{1};
constexpr std::chrono::minutes kSinceYearOne{std::chrono::days(719'162)};  // until 1970

tasks::Report content_report(std::int64_t done) {
  return {.code = "clean-up.content", .message = "Clean up orphan Content", .done = done};
}

tasks::Report blobs_report(std::int64_t total, std::int64_t done) {
  return {.code = "clean-up.artifacts",
          .message = "Clean up orphan Artifacts",
          .total = total,
          .done = done};
}

/// Seconds since 1970, as the store keeps uses.
std::int64_t protected_since(const Clock& clock, std::chrono::minutes protection) {
  const auto since = std::chrono::floor<std::chrono::seconds>(clock.now()) - protection;
  if (since.time_since_epoch() < -kSinceYearOne) {
    throw Error(Error::Kind::kBadRequest, "the protection time begins before the year 1");
  }
  return since.time_since_epoch().count();
}

Task<> remove_lost_entries(db::Database& database, tasks::Run& run) {
  auto list = [](db::Connection& sql) { return catalog::lost_scopes(sql); };
  const auto scopes = co_await database.read(std::move(list));
  std::int64_t gone = 0;
  run.report(content_report(gone));
  for (const auto& scope : scopes) {
    std::int64_t last = kBatch;
    while (last == kBatch) {
      auto remove = [&scope](db::Connection& sql) {
        return catalog::remove_entries(sql, scope, kBatch);
      };
      last = co_await database.write(std::move(remove));
      gone += last;
      run.report(content_report(gone));
    }
  }
}

Task<> remove_named_entries(db::Database& database, std::vector<std::string> keys,
                            std::int64_t since, tasks::Run& run) {
  auto remove = [keys = std::move(keys), since](db::Connection& sql) {
    std::int64_t gone = 0;
    for (const auto& key : keys) {
      const bool in_use =
          sql.query(
                 "SELECT 1 FROM entries JOIN blobs ON blobs.digest IN ('sha256:' || etag, "
                 "'gitsha1:' || etag) WHERE key = ?1 AND last_used > ?2",
                 key, since)
              .step();
      if (!in_use && catalog::remove_entry(sql, key)) ++gone;
    }
    return gone;
  };
  const auto gone = co_await database.write(std::move(remove));
  run.report(content_report(gone));
}

/// Digests of blobs that no entry and no other name of a repo's leads to, and nobody pins. The rows
/// of two modules are compared where they are, for there may be millions.
std::vector<std::string> orphan_blobs(db::Connection& sql, std::int64_t since) {
  std::vector<std::string> digests;
  auto rows = sql.query(
      "SELECT digest FROM blobs WHERE last_used <= ?1 AND substr(digest, instr(digest, ':') + 1) "
      "NOT IN (SELECT etag FROM entries WHERE present = 1 AND digest = 1) AND digest NOT IN "
      "(SELECT digest FROM named_blobs) AND digest NOT IN (SELECT digest FROM pins)",
      since);
  while (rows.step()) digests.push_back(rows.text(0));
  return digests;
}

Task<> remove_orphan_blobs(db::Database& database, store::Store& store, std::int64_t since,
                           tasks::Run& run) {
  auto list = [since](db::Connection& sql) { return orphan_blobs(sql, since); };
  const auto orphans = co_await database.read(std::move(list));
  const auto total = static_cast<std::int64_t>(orphans.size());
  std::int64_t done = 0;
  run.report(blobs_report(total, done));
  for (const auto& text : orphans) {
    auto digest = Digest::from_text(text);
    if (digest) co_await store.remove(std::move(*digest));
    run.report(blobs_report(total, ++done));
  }
}

}  // namespace

Task<> clean_up_orphans(db::Database& database, store::Store& store, const Clock& clock,
                        OrphanRules rules, tasks::Run& run) {
  const auto since = protected_since(clock, rules.protection);
  if (rules.entries.empty()) {
    co_await remove_lost_entries(database, run);
  } else {
    co_await remove_named_entries(database, std::move(rules.entries), since, run);
  }
  co_await store.adopt_lost();
  co_await remove_orphan_blobs(database, store, since, run);
}

Task<std::int64_t> remove_orphan_proofs(db::Database& database, const Clock& clock) {
  const auto before = (clock.now() - kProofsStay).time_since_epoch().count();
  std::int64_t removed = 0;
  std::string last;
  while (true) {
    // A proof's key ends with a digest, of 71 characters or 48.
    auto find = [before, last](db::Connection& sql) {
      std::vector<std::string> keys;
      auto rows = sql.query(
          "SELECT key FROM proofs WHERE key > ?1 AND at < ?2 AND (proven = 0 OR "
          "(substr(key, -71) NOT IN (SELECT digest FROM blobs) AND "
          "substr(key, -48) NOT IN (SELECT digest FROM blobs))) AND "
          "substr(key, instr(key, char(10)) - 9, 9) <> '/imported' ORDER BY key LIMIT ?3",
          last, before, kBatch);
      while (rows.step()) keys.push_back(rows.text(0));
      return keys;
    };
    auto keys = co_await database.read(std::move(find));
    if (keys.empty()) co_return removed;
    last = keys.back();
    auto remove = [before, keys = std::move(keys)](db::Connection& sql) {
      std::int64_t gone = 0;
      for (const auto& key : keys) {
        gone += sql.run("DELETE FROM proofs WHERE key = ?1 AND at < ?2", key, before);
      }
      return gone;
    };
    removed += co_await database.write(std::move(remove));
  }
}

}  // namespace hubcache::mirror
