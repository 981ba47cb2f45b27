#pragma once

#include <string>
#include <string_view>

namespace hubcache::content {

/// The JSON text without the members "xetHash" and "xetEnabled", at any depth; nothing else changes
/// but white space. Works event by event: memory beside the two texts is bounded.
/// Throws kUpstream for text that is not JSON.
std::string without_xet(std::string_view json);

}  // namespace hubcache::content
