#pragma once

#include <string>

#include "hubcache/db/connection.h"
#include "hubcache/hub/hub.h"
#include "hubcache/mirror/bundle.h"

namespace hubcache::mirror {

/// As much of a remote's endpoint as keys are made of, by the remote's name; an empty name is the
/// bootstrapped remote, or the only one. In a transaction of the caller's. Throws kNotFound.
hub::Endpoint endpoint_of_remote(db::Connection& sql, const std::string& name);

/// What an export of `repo` at `revision` (a name, or a commit id) is to say.
struct ExportPlan {
  std::string commit_key;   // catalog::files_after() wants it
  Description description;  // its files left out
};
/// From what the Hub said, or else from what was imported. Throws kNotFound, and says what is
/// missing, unless the commit and all its files are known.
ExportPlan plan_export(db::Connection& sql, const hub::Endpoint& endpoint, const hub::RepoId& repo,
                       const std::string& revision);

}  // namespace hubcache::mirror
