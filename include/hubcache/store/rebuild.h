#pragma once

#include <cstdint>
#include <filesystem>

#include "hubcache/base/clock.h"
#include "hubcache/db/connection.h"
#include "hubcache/store/disk.h"

namespace hubcache::store {

/// Makes a row for each blob in the tree below `data_dir`, in place of all that were there: each is
/// hashed before its first use (SECURITY 14). Returns how many they are. Blocks; within a
/// transaction, on a directory that nobody else works on.
std::uint64_t index_blobs(Disk& disk, const std::filesystem::path& data_dir, db::Connection& sql,
                          WallTime now);

}  // namespace hubcache::store
