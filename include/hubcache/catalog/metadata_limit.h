#pragma once

#include <cstdint>

#include "hubcache/base/task.h"
#include "hubcache/db/database.h"
#include "hubcache/obs/log.h"

namespace hubcache::catalog {

/// Has the catalog give way when the database takes more than `most` bytes, free pages not counted:
/// commits with all their entries, and documents, those first that were used longest ago, until it
/// takes a tenth less. What went is asked for again; what was imported stays. In steps that hold up
/// other writes for some milliseconds each. Returns how many rows went.
Task<std::uint64_t> trim_metadata(db::Database& database, std::uint64_t most);

/// Does that every few seconds, for ever; what fails is logged.
Task<> keep_metadata_trimmed(db::Database& database, std::uint64_t most, obs::Log& log);

}  // namespace hubcache::catalog
