#pragma once

#include <functional>
#include <string>

#include "hubcache/content/upstream_file.h"
#include "hubcache/fill/fills.h"
#include "hubcache/store/store.h"

namespace hubcache::content {

/// Gives the bytes we have for a range.
using Sample = std::function<Task<std::string>(http::ByteRange range)>;

/// The proof that a repo may show a blob it names (SECURITY 8): does the Hub, through that very
/// repo, deliver at four random places the bytes we have? Small files are compared whole.
/// Throws what the Hub answers when it refuses or fails.
Task<bool> delivers_same_bytes(hub::Hub& hub, UpstreamFile file, Sample ours);

/// Samples of a stored blob; the store outlives them.
Sample bytes_of(const store::Store& store, const store::Blob& blob);

/// The range's bytes by way of a running fill: waits until they have come.
Task<std::string> read_through_fill(fill::Fills& fills, const store::Store& store, fill::Wish wish);

}  // namespace hubcache::content
