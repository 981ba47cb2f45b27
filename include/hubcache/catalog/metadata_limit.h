#pragma once

#include <cstdint>
#include <functional>

#include "hubcache/base/task.h"
#include "hubcache/db/database.h"
#include "hubcache/obs/log.h"

namespace hubcache::catalog {

/// Does the database take no more than `most` bytes, free pages not counted? Whoever writes what
/// the Hub may make long asks that in the same transaction: however many do so at once, they exceed
/// it by one such write at most.
bool has_room(db::Connection& sql, std::uint64_t most);

/// Says that max_size or min_free does not hold.
using DiskIsFull = std::function<bool()>;
/// Is there room for so much more in the free pages of the database, or on the disk?
bool has_pages(db::Connection& sql, const DiskIsFull& disk_is_full, std::uint64_t bytes);

/// Has what is easier to have again give way, and returns the bytes that its rows still take.
using OthersFirst = std::function<Task<std::uint64_t>()>;

/// Has the catalog give way when the database takes more than `most` bytes, free pages not counted:
/// after `others`, commits with all their entries, and documents, those first that were used
/// longest ago, until all but what the others still take is a tenth less. What went is asked for
/// again; what was imported stays. In steps that hold up other writes for some milliseconds each.
/// Returns how many rows of the catalog went.
Task<std::uint64_t> trim_metadata(db::Database& database, std::uint64_t most, OthersFirst others);

/// Does that, and logs what went and what failed. False when there is no room yet.
Task<bool> make_metadata_room(db::Database& database, std::uint64_t most, OthersFirst others,
                              obs::Log& log);

/// Has `make_room` do that every second, more seldom while it does not help, for ever.
Task<> keep_metadata_trimmed(std::function<Task<bool>()> make_room);

}  // namespace hubcache::catalog
