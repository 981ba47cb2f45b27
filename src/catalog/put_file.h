#pragma once

#include <string>

#include "hubcache/db/connection.h"

#include "tree_page.h"

namespace hubcache::catalog {

/// Writes the row of a file, of the commit with that key.
void put_file(db::Connection& sql, const std::string& commit_key, const TreeFile& file);

}  // namespace hubcache::catalog
