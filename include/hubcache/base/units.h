#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace hubcache {

/// "500 GiB", "10 MB", "0": a number and B, kB, MB, GB, TB (powers of 1000) or KiB, MiB, GiB, TiB.
/// Only 0 may stand without a unit. nullopt for anything else, and for what does not fit.
std::optional<std::uint64_t> parse_size(std::string_view text);
/// "30 s", "10 min", "500 ms", "24 h", "30 d", "0".
std::optional<std::chrono::milliseconds> parse_duration(std::string_view text);

}  // namespace hubcache
