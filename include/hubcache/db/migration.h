#pragma once

#include <span>
#include <string_view>

#include "hubcache/db/connection.h"

namespace hubcache::db {

/// One step of the database's format, run once, in a transaction of its own. Numbers are unique in
/// the program and never reused; each module counts within its own hundred (store 100, registry
/// 200, catalog 300, access 400, tasks 500, rest 600), so modules can grow independently. A step
/// that was released never changes.
struct Migration {
  int number = 0;
  std::string_view name;  // "store: blobs"
  std::string_view sql;   // one or more statements
};

/// Applies, in the order of their numbers, those of `migrations` the database does not have yet.
/// Throws kConflict for a file that is not a database of hubcache's, or one that has steps this
/// version does not know (it was written by a newer version).
void migrate(Connection& connection, std::span<const Migration> migrations);

}  // namespace hubcache::db
