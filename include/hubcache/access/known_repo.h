#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "hubcache/db/connection.h"
#include "hubcache/hub/types.h"

namespace hubcache::access {

/// What the rows of grants say of a repo, however old they are: for exports. Rights come from
/// Access alone.
struct KnownRepo {
  hub::RepoId canonical;             // as it was asked for, unless that is an alias
  std::vector<std::string> names{};  // other names of it
  bool was_public = false;           // the Hub let everybody read it, and has refused nobody since
  bool was_refused = false;          // the Hub has refused it
};
KnownRepo known_repo(db::Connection& sql, std::string_view scope, const hub::RepoId& repo);

}  // namespace hubcache::access
