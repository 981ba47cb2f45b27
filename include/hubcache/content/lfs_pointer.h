#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "hubcache/base/digest.h"

namespace hubcache::content {

/// What git has in place of a large file (git-lfs specification, version 1).
std::string lfs_pointer(std::string_view sha256, std::uint64_t size);
/// What git calls a blob of that text.
Digest git_digest(std::string_view text);

}  // namespace hubcache::content
