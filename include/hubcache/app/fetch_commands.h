#pragma once

#include <nlohmann/json_fwd.hpp>

#include "hubcache/app/commands.h"
#include "hubcache/base/task.h"
#include "hubcache/mirror/fetch.h"

namespace hubcache::app {

/// What `hubcache fetch` asks for, as JSON, done. Each has "distribution", a base path or empty,
/// and may have "token".
///
///   {"do": "fetch.plan", "type", "repo", "revision"}
///     -> {"repo", "commit", "max_size", "files": [{"path", "digest", "size", "stored"}]}
///   {"do": "fetch.file", "type", "repo", "revision", "path", "digest", "size", "pin"} -> {}
///     once the file is stored; the revision is a commit, "pin" true or false
///   {"do": "fetch.present", "digests"} -> {"present"}, a list of bytes, null: is not being fetched
///
/// Throws what mirror::Fetch does, and kBadRequest for anything else.
Task<nlohmann::json> run_fetch_command(mirror::Fetch& fetch, nlohmann::json command);

}  // namespace hubcache::app
