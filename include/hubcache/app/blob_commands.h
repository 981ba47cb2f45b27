#pragma once

#include <nlohmann/json_fwd.hpp>

#include "hubcache/app/commands.h"
#include "hubcache/base/task.h"

namespace hubcache::app {

/// What `hubcache ls`, `rm`, `pin`, `unpin`, `verify` and `gc` ask for, as JSON, done. A digest is
/// 64 hex digits of a sha256 or 40 of a git blob's sha1, with or without "sha256:", "gitsha1:".
///
///   {"do": "blob.list", "after"?} -> {"blobs": [{"digest", "size", "on_disk", "used", "pinned"}]}
///     a page of them in the order of their digests; an empty one is the end
///   {"do": "blob.check", "digest", "rate"?} -> {"is": "right", "false", "missing" or "unknown",
///     "refetched"?}, the latter of what was false or missing: is it stored again?
///   {"do": "blob.remove", "digest"} -> {"removed"}
///   {"do": "blob.pin", "digest"}    {"do": "blob.unpin", "digest"}
///   {"do": "gc", "protection_minutes"} -> {"content", "blobs"}, how many were removed
///
/// Throws what the store throws, and kBadRequest for anything else.
Task<nlohmann::json> run_blob_command(Workbench bench, nlohmann::json command);

}  // namespace hubcache::app
