#include "hubcache/catalog/metadata_limit.h"

#include <chrono>
#include <exception>
#include <limits>
#include <string>
#include <string_view>
#include <utility>

#include "hubcache/catalog/entries.h"

namespace hubcache::catalog {
namespace {

constexpr std::chrono::seconds kLookInterval{1};
constexpr std::chrono::seconds kLookIntervalWhenFull{10};
constexpr std::int64_t kRowsAtOnce = 1'000;
constexpr std::int64_t kDocumentsAtOnce = 50;
constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::max();

std::uint64_t number_in(db::Connection& sql, std::string_view pragma) {
  auto rows = sql.query(pragma);
  rows.step();
  return static_cast<std::uint64_t>(rows.integer(0));
}

std::uint64_t bytes_in_use(db::Connection& sql) {
  const auto pages = number_in(sql, "PRAGMA page_count") - number_in(sql, "PRAGMA freelist_count");
  return pages * number_in(sql, "PRAGMA page_size");
}

// Nobody can be asked again for what was imported: rows whose scope (hub::imported_scope) says so
// stay.

/// A row of commits, and when it was used.
struct OldCommit {
  std::string key;
  std::int64_t used = kNever;
};

OldCommit oldest_commit(db::Connection& sql) {
  auto rows = sql.query(
      "SELECT key, used FROM commits WHERE substr(key, instr(key, char(10)) - 9, 9) <> '/imported' "
      "ORDER BY used LIMIT 1");
  return rows.step() ? OldCommit{.key = rows.text(0), .used = rows.integer(1)} : OldCommit{};
}

std::int64_t oldest_document(db::Connection& sql) {
  auto rows = sql.query(
      "SELECT used FROM documents WHERE substr(key, instr(key, char(10)) - 9, 9) <> '/imported' "
      "ORDER BY used LIMIT 1");
  return rows.step() ? rows.integer(0) : kNever;
}

std::int64_t drop_commit(db::Connection& sql, const std::string& key) {
  auto dropped = forget_manifest(sql, key);
  const auto entries = sql.run(
      "DELETE FROM entries WHERE key IN (SELECT key FROM entries "
      "WHERE key > ?1 || char(10) AND key < ?1 || char(11) LIMIT ?2)",
      key, kRowsAtOnce);
  dropped += entries;
  if (entries < kRowsAtOnce) dropped += sql.run("DELETE FROM commits WHERE key = ?1", key);
  return dropped;
}

/// Entries whose commit is not known any more.
std::int64_t drop_strays(db::Connection& sql) {
  auto dropped = sql.run(
      "DELETE FROM manifests WHERE substr(key, instr(key, char(10)) - 9, 9) <> '/imported'");
  sql.run("DELETE FROM manifest_walks");
  dropped += sql.run(
      "DELETE FROM entries WHERE key IN (SELECT key FROM entries "
      "WHERE substr(key, instr(key, char(10)) - 9, 9) <> '/imported' LIMIT ?1)",
      kRowsAtOnce);
  return dropped + sql.run(
                       "DELETE FROM named_blobs WHERE key IN (SELECT key FROM named_blobs "
                       "ORDER BY at LIMIT ?1)",
                       kRowsAtOnce);
}

/// Some rows that were used longest ago; 0: there are none left, or no need.
std::int64_t drop_some(db::Connection& sql, std::uint64_t target) {
  if (bytes_in_use(sql) <= target) return 0;
  const auto commit = oldest_commit(sql);
  const auto document = oldest_document(sql);
  if (document != kNever && document <= commit.used) {
    return sql.run(
        "DELETE FROM documents WHERE rowid IN (SELECT rowid FROM documents "
        "WHERE used <= ?1 AND substr(key, instr(key, char(10)) - 9, 9) <> '/imported' "
        "ORDER BY used LIMIT ?2)",
        commit.used, kDocumentsAtOnce);
  }
  return commit.used == kNever ? drop_strays(sql) : drop_commit(sql, commit.key);
}

}  // namespace

bool has_room(db::Connection& sql, std::uint64_t most) { return bytes_in_use(sql) <= most; }

bool has_pages(db::Connection& sql, const DiskIsFull& disk_is_full, std::uint64_t bytes) {
  if (!disk_is_full || !disk_is_full()) return true;
  return number_in(sql, "PRAGMA freelist_count") * number_in(sql, "PRAGMA page_size") >= bytes;
}

Task<std::uint64_t> trim_metadata(db::Database& database, std::uint64_t most, OthersFirst others) {
  auto look = [most](db::Connection& sql) { return has_room(sql, most); };
  if (co_await database.read(look)) co_return 0;
  // The catalog's rows need not make up for those that are not its own.
  const auto target = most / 10 * 9 + co_await others();
  if (co_await database.read(look)) co_return 0;
  std::uint64_t dropped = 0;
  while (true) {
    auto drop = [target](db::Connection& sql) { return drop_some(sql, target); };
    const auto some = co_await database.write(std::move(drop));
    if (some == 0) co_return dropped;
    dropped += static_cast<std::uint64_t>(some);
  }
}

Task<bool> make_metadata_room(db::Database& database, std::uint64_t most, OthersFirst others,
                              obs::Log& log) {
  try {
    const auto dropped = co_await trim_metadata(database, most, std::move(others));
    if (dropped > 0) {
      log.info("the catalog has given way to [storage] max_metadata", {{"rows", dropped}});
    }
    auto look = [most](db::Connection& sql) { return has_room(sql, most); };
    co_return co_await database.read(std::move(look));
  } catch (const std::exception& failure) {
    log.warn("the catalog could not be made smaller", {{"context", failure.what()}});
  }
  co_return false;
}

Task<> keep_metadata_trimmed(std::function<Task<bool>()> make_room) {
  Timer timer(co_await asio::this_coro::executor);
  bool had_room = true;
  while (true) {
    timer.expires_after(had_room ? kLookInterval : kLookIntervalWhenFull);
    co_await timer.async_wait(use_task);
    try {
      had_room = co_await make_room();
    } catch (const std::exception&) {  // no memory, say: that passes
      had_room = false;
    }
  }
}

}  // namespace hubcache::catalog
