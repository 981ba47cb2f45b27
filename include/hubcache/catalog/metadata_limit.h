#pragma once

#include <cstdint>
#include <functional>

#include "hubcache/base/task.h"
#include "hubcache/db/database.h"
#include "hubcache/obs/log.h"

namespace hubcache::catalog {

/// Has what is easier to have again give way, and returns the bytes that its rows still take.
using OthersFirst = std::function<Task<std::uint64_t>()>;

/// Has the catalog give way when the database takes more than `most` bytes, free pages not counted:
/// after `others`, commits with all their entries, and documents, those first that were used
/// longest ago, until all but what the others still take is a tenth less. What went is asked for
/// again; what was imported stays. In steps that hold up other writes for some milliseconds each.
/// Returns how many rows of the catalog went.
Task<std::uint64_t> trim_metadata(db::Database& database, std::uint64_t most, OthersFirst others);

/// Does that every few seconds, for ever; what fails is logged.
Task<> keep_metadata_trimmed(db::Database& database, std::uint64_t most, OthersFirst others,
                             obs::Log& log);

}  // namespace hubcache::catalog
