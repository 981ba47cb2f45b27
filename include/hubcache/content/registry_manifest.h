#pragma once

#include <string_view>
#include <vector>

#include "hubcache/hub/types.h"

namespace hubcache::content {

/// The blobs that a manifest of the registry is of, its layers and its config, without where they
/// are. What names no sha256 and size is left out, as is all of what is no manifest.
std::vector<hub::LfsObject> blobs_of_manifest(std::string_view body);

}  // namespace hubcache::content
