#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "hubcache/base/clock.h"
#include "hubcache/base/digest.h"
#include "hubcache/db/connection.h"
#include "hubcache/store/store.h"

namespace hubcache::store {

// The store's rows. Each function runs inside a transaction of the caller's.

std::optional<BlobRow> find_blob(db::Connection& sql, const Digest& digest);
/// As used now. Returns the bytes on disk of the row that was there, 0 without one.
std::uint64_t put_blob(db::Connection& sql, const Digest& digest, const BlobRow& row, WallTime now);
/// The row that was there.
std::optional<BlobRow> take_blob(db::Connection& sql, const Digest& digest);
/// The same of one that is being evicted; none when it was stored anew since.
std::optional<BlobRow> take_leaving_blob(db::Connection& sql, const Digest& digest);
void touch_blob(db::Connection& sql, const Digest& digest, WallTime now);
std::uint64_t bytes_of_blobs(db::Connection& sql);
Holdings holdings_of(db::Connection& sql);

void set_state(db::Connection& sql, const Digest& digest, BlobState state);
std::vector<Digest> leaving_blobs(db::Connection& sql);

bool is_pinned(db::Connection& sql, const Digest& digest);
void put_pin(db::Connection& sql, const Digest& digest, const std::string& holder);
void drop_pin(db::Connection& sql, const Digest& digest, const std::string& holder);

/// In the order of their digests, those after that text; none that is being evicted.
std::vector<Stored> list_blobs(db::Connection& sql, const std::string& after, std::size_t limit);

/// What may be evicted.
struct Candidate {
  std::string name;  // of the blob's digest or of the fill, unique among both
  Digest digest;
  bool is_fill = false;
  std::uint64_t bytes = 0;  // on disk; 0 for fills, whose row does not know
  BlobState state = BlobState::kStored;
  WallTime last_used;
};

/// Shows `take` what is not pinned, blobs and fills, used longest ago first, until it returns
/// false.
void each_candidate(db::Connection& sql, const std::function<bool(Candidate)>& take);

struct FillRow {
  std::string name;    // Layout::fill_name()
  std::string digest;  // its text
  std::string origin;
  std::string via;  // empty: several repos
  std::uint64_t size = 0;
};

std::optional<FillRow> find_fill(db::Connection& sql, const std::string& name);
void put_fill(db::Connection& sql, const FillRow& row, WallTime now);
void set_fill_via(db::Connection& sql, const std::string& name, const std::string& via);
/// Changes the row whatever the time is: of a commit that changes nothing SQLite syncs nothing.
void touch_fill(db::Connection& sql, const std::string& name, WallTime now);
void drop_fill(db::Connection& sql, const std::string& name);
std::vector<std::string> fill_names(db::Connection& sql);

struct BadDigestRow {
  std::string origin;
  std::string digest;
  WallTime until;
};

/// Drops the oldest of too many of an origin.
void put_bad_digest(db::Connection& sql, const BadDigestRow& row);
/// Drops what is over, and the oldest of too many of an origin, and returns the rest.
std::vector<BadDigestRow> current_bad_digests(db::Connection& sql, WallTime now);

}  // namespace hubcache::store
