#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace hubcache::content {

/// The JSON text without the members "xetHash" and "xetEnabled", at any depth; nothing else changes
/// but white space. Works event by event: memory beside the two texts is bounded.
/// Throws kUpstream for text that is not JSON, or is nested deeper than the Hub's.
std::string without_xet(std::string_view json);
/// The JSON text without the members "xetHash" of objects whose "size" is above `most`. Else as
/// without_xet(), but that other "xetHash" come last in their object.
std::string without_xet_above(std::uint64_t most, std::string_view json);
/// No "size" in a JSON text, as the Hub writes them, is above this; 0 for one without "xetHash".
std::uint64_t largest_size_if_xet(std::string_view json);

}  // namespace hubcache::content
