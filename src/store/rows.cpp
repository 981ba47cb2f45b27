#include "rows.h"

#include <array>
#include <chrono>

#include "hubcache/store/store.h"

#include "bad_digests.h"

namespace hubcache::store {
namespace {

constexpr std::array kMigrations{
    db::Migration{.number = 101, .name = "store: blobs, fills, bad digests", .sql = R"(
CREATE TABLE blobs (
  digest TEXT PRIMARY KEY,
  size INTEGER NOT NULL,
  bytes_on_disk INTEGER NOT NULL,
  created INTEGER NOT NULL,
  last_used INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX blobs_by_use ON blobs (last_used, bytes_on_disk);
CREATE TABLE fills (
  name TEXT PRIMARY KEY,
  digest TEXT NOT NULL,
  origin TEXT NOT NULL,
  via TEXT NOT NULL,
  size INTEGER NOT NULL,
  last_used INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE bad_digests (
  origin TEXT NOT NULL,
  digest TEXT NOT NULL,
  until INTEGER NOT NULL,
  PRIMARY KEY (origin, digest)
) STRICT, WITHOUT ROWID;
)"},
    db::Migration{.number = 102, .name = "store: eviction", .sql = R"(
ALTER TABLE blobs ADD COLUMN state INTEGER NOT NULL DEFAULT 0;
DROP INDEX blobs_by_use;
CREATE INDEX blobs_by_use ON blobs (last_used, bytes_on_disk) WHERE state <> 1;
CREATE INDEX blobs_leaving ON blobs (digest) WHERE state = 1;
CREATE TABLE pins (
  digest TEXT NOT NULL,
  holder TEXT NOT NULL,
  PRIMARY KEY (digest, holder)
) STRICT, WITHOUT ROWID;
)"}};

std::int64_t seconds(WallTime time) {
  return std::chrono::floor<std::chrono::seconds>(time).time_since_epoch().count();
}

WallTime time_of(std::int64_t seconds) { return WallTime(std::chrono::seconds(seconds)); }

BlobRow blob_row(const db::Statement& row) {
  return {.size = static_cast<std::uint64_t>(row.integer(0)),
          .on_disk = static_cast<std::uint64_t>(row.integer(1)),
          .state = static_cast<BlobState>(row.integer(2)),
          .used = time_of(row.integer(3))};
}

/// Of a statement that deletes one and returns it.
std::optional<BlobRow> taken(db::Statement row) {
  if (!row.step()) return std::nullopt;
  const auto blob = blob_row(row);
  row.run();
  return blob;
}

std::vector<Candidate> idle_fills(db::Connection& sql) {
  std::vector<Candidate> fills;
  auto row = sql.query(
      "SELECT name, digest, last_used FROM fills WHERE NOT EXISTS "
      "(SELECT 1 FROM pins WHERE pins.digest = fills.digest) ORDER BY last_used");
  while (row.step()) {
    if (auto digest = Digest::from_text(row.text(1))) {
      fills.push_back({.name = row.text(0),
                       .digest = *std::move(digest),
                       .is_fill = true,
                       .last_used = time_of(row.integer(2))});
    }
  }
  return fills;
}

void drop_oldest_bad_digests(db::Connection& sql) {
  sql.run(
      "DELETE FROM bad_digests WHERE (origin, digest) IN (SELECT origin, digest FROM (SELECT "
      "origin, digest, row_number() OVER (PARTITION BY origin ORDER BY until DESC) AS place "
      "FROM bad_digests) WHERE place > ?1)",
      static_cast<std::int64_t>(kMostBadDigests));
}

}  // namespace

std::span<const db::Migration> migrations() { return kMigrations; }

std::optional<BlobRow> find_blob(db::Connection& sql, const Digest& digest) {
  auto row = sql.query("SELECT size, bytes_on_disk, state, last_used FROM blobs WHERE digest = ?1",
                       digest.text());
  if (!row.step()) return std::nullopt;
  return blob_row(row);
}

std::uint64_t put_blob(db::Connection& sql, const Digest& digest, const BlobRow& row,
                       WallTime now) {
  const auto before = find_blob(sql, digest);
  sql.run(
      "INSERT INTO blobs (digest, size, bytes_on_disk, created, last_used, state) "
      "VALUES (?1, ?2, ?3, ?4, ?4, ?5) ON CONFLICT (digest) DO UPDATE SET size = excluded.size, "
      "bytes_on_disk = excluded.bytes_on_disk, last_used = excluded.last_used, "
      "state = excluded.state",
      digest.text(), row.size, row.on_disk, seconds(now), row.state);
  return before ? before->on_disk : 0;
}

std::optional<BlobRow> take_blob(db::Connection& sql, const Digest& digest) {
  return taken(
      sql.query("DELETE FROM blobs WHERE digest = ?1 "
                "RETURNING size, bytes_on_disk, state, last_used",
                digest.text()));
}

std::optional<BlobRow> take_leaving_blob(db::Connection& sql, const Digest& digest) {
  return taken(
      sql.query("DELETE FROM blobs WHERE digest = ?1 AND state = 1 "
                "RETURNING size, bytes_on_disk, state, last_used",
                digest.text()));
}

void touch_blob(db::Connection& sql, const Digest& digest, WallTime now) {
  sql.run("UPDATE blobs SET last_used = ?2 WHERE digest = ?1 AND last_used < ?2", digest.text(),
          seconds(now));
}

std::uint64_t bytes_of_blobs(db::Connection& sql) {
  auto row = sql.query("SELECT coalesce(sum(bytes_on_disk), 0) FROM blobs");
  row.step();
  return static_cast<std::uint64_t>(row.integer(0));
}

Holdings holdings_of(db::Connection& sql) {
  auto row = sql.query("SELECT count(*), coalesce(sum(size), 0) FROM blobs WHERE state <> ?1",
                       BlobState::kLeaving);
  row.step();
  return {.blobs = static_cast<std::uint64_t>(row.integer(0)),
          .bytes = static_cast<std::uint64_t>(row.integer(1))};
}

void set_state(db::Connection& sql, const Digest& digest, BlobState state) {
  sql.run("UPDATE blobs SET state = ?2 WHERE digest = ?1", digest.text(), state);
}

std::vector<Digest> leaving_blobs(db::Connection& sql) {
  std::vector<Digest> digests;
  auto row = sql.query("SELECT digest FROM blobs WHERE state = 1");
  while (row.step()) {
    if (auto digest = Digest::from_text(row.text(0))) digests.push_back(*std::move(digest));
  }
  return digests;
}

void put_pin(db::Connection& sql, const Digest& digest, const std::string& holder) {
  sql.run("INSERT OR IGNORE INTO pins (digest, holder) VALUES (?1, ?2)", digest.text(), holder);
}

void drop_pin(db::Connection& sql, const Digest& digest, const std::string& holder) {
  sql.run("DELETE FROM pins WHERE digest = ?1 AND holder = ?2", digest.text(), holder);
}

bool is_pinned(db::Connection& sql, const Digest& digest) {
  return sql.query("SELECT 1 FROM pins WHERE digest = ?1", digest.text()).step();
}

std::vector<Stored> list_blobs(db::Connection& sql, const std::string& after, std::size_t limit) {
  std::vector<Stored> blobs;
  auto row = sql.query(
      "SELECT digest, size, bytes_on_disk, last_used, EXISTS (SELECT 1 FROM pins WHERE "
      "pins.digest = blobs.digest) FROM blobs WHERE digest > ?1 AND state <> 1 ORDER BY digest "
      "LIMIT ?2",
      after, limit);
  while (row.step()) {
    auto digest = Digest::from_text(row.text(0));
    if (!digest) continue;
    blobs.push_back({.digest = *std::move(digest),
                     .size = static_cast<std::uint64_t>(row.integer(1)),
                     .on_disk = static_cast<std::uint64_t>(row.integer(2)),
                     .used = time_of(row.integer(3)),
                     .pinned = row.integer(4) != 0});
  }
  return blobs;
}

void each_candidate(db::Connection& sql, const std::function<bool(Candidate)>& take) {
  const auto fills = idle_fills(sql);
  auto fill = fills.begin();
  auto row = sql.query(
      "SELECT digest, bytes_on_disk, last_used, state FROM blobs WHERE state <> 1 AND NOT EXISTS "
      "(SELECT 1 FROM pins WHERE pins.digest = blobs.digest) ORDER BY last_used");
  while (row.step()) {
    auto digest = Digest::from_text(row.text(0));
    if (!digest) continue;
    const auto used = time_of(row.integer(2));
    for (; fill != fills.end() && fill->last_used <= used; ++fill) {
      if (!take(*fill)) return;
    }
    if (!take({.name = row.text(0),
               .digest = *std::move(digest),
               .bytes = static_cast<std::uint64_t>(row.integer(1)),
               .state = static_cast<BlobState>(row.integer(3)),
               .last_used = used})) {
      return;
    }
  }
  for (; fill != fills.end(); ++fill) {
    if (!take(*fill)) return;
  }
}

std::optional<FillRow> find_fill(db::Connection& sql, const std::string& name) {
  auto row = sql.query("SELECT name, digest, origin, via, size FROM fills WHERE name = ?1", name);
  if (!row.step()) return std::nullopt;
  return FillRow{.name = row.text(0),
                 .digest = row.text(1),
                 .origin = row.text(2),
                 .via = row.text(3),
                 .size = static_cast<std::uint64_t>(row.integer(4))};
}

void put_fill(db::Connection& sql, const FillRow& row, WallTime now) {
  sql.run(
      "INSERT OR REPLACE INTO fills (name, digest, origin, via, size, last_used) "
      "VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
      row.name, row.digest, row.origin, row.via, row.size, seconds(now));
}

void set_fill_via(db::Connection& sql, const std::string& name, const std::string& via) {
  sql.run("UPDATE fills SET via = ?2 WHERE name = ?1", name, via);
}

void touch_fill(db::Connection& sql, const std::string& name, WallTime now) {
  sql.run("UPDATE fills SET last_used = max(?2, last_used + 1) WHERE name = ?1", name,
          seconds(now));
}

void drop_fill(db::Connection& sql, const std::string& name) {
  sql.run("DELETE FROM fills WHERE name = ?1", name);
}

std::vector<std::string> fill_names(db::Connection& sql) {
  std::vector<std::string> names;
  auto row = sql.query("SELECT name FROM fills");
  while (row.step()) names.push_back(row.text(0));
  return names;
}

void put_bad_digest(db::Connection& sql, const BadDigestRow& row) {
  sql.run("INSERT OR REPLACE INTO bad_digests (origin, digest, until) VALUES (?1, ?2, ?3)",
          row.origin, row.digest, seconds(row.until));
  drop_oldest_bad_digests(sql);
}

std::vector<BadDigestRow> current_bad_digests(db::Connection& sql, WallTime now) {
  sql.run("DELETE FROM bad_digests WHERE until <= ?1", seconds(now));
  drop_oldest_bad_digests(sql);
  std::vector<BadDigestRow> rows;
  auto row = sql.query("SELECT origin, digest, until FROM bad_digests");
  while (row.step()) {
    rows.push_back(
        {.origin = row.text(0), .digest = row.text(1), .until = time_of(row.integer(2))});
  }
  return rows;
}

}  // namespace hubcache::store
