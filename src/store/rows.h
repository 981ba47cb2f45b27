#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "hubcache/base/clock.h"
#include "hubcache/base/digest.h"
#include "hubcache/db/connection.h"

namespace hubcache::store {

// The store's rows. Each function runs inside a transaction of the caller's.

struct BlobRow {
  std::uint64_t size = 0;
  std::uint64_t on_disk = 0;
};

std::optional<BlobRow> find_blob(db::Connection& sql, const Digest& digest);
void put_blob(db::Connection& sql, const Digest& digest, const BlobRow& row, WallTime now);
/// The row that was there.
std::optional<BlobRow> take_blob(db::Connection& sql, const Digest& digest);
void touch_blob(db::Connection& sql, const Digest& digest, WallTime now);
std::uint64_t bytes_of_blobs(db::Connection& sql);

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
void drop_fill(db::Connection& sql, const std::string& name);
std::vector<std::string> fill_names(db::Connection& sql);

struct BadDigestRow {
  std::string origin;
  std::string digest;
  WallTime until;
};

void put_bad_digest(db::Connection& sql, const BadDigestRow& row);
/// Drops what is over and returns the rest.
std::vector<BadDigestRow> current_bad_digests(db::Connection& sql, WallTime now);

}  // namespace hubcache::store
