#pragma once

#include <cstddef>

#include "hubcache/app/config.h"

namespace hubcache::app {

/// Gives the configured data directory a new key for its secrets and seals them all with it; says
/// how many there were. Whatever stops this, what is stored can be read, and another run completes
/// it: the key file keeps the old key until nothing on the disk needs it, and beyond that for what
/// it signed (SecretBox::kGrace).
///
/// Blocks. Throws kConflict while a server runs on the directory, kNotFound when it holds nothing
/// or its key cannot be seen.
std::size_t rotate_key(const Config& config);

}  // namespace hubcache::app
