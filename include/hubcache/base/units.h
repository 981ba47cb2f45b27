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
/// A size, or a share of something whose size is known later.
struct SizeOrShare {
  std::uint64_t bytes = 0;
  unsigned percent = 0;  // 0: it is `bytes`

  std::uint64_t of(std::uint64_t whole) const noexcept {
    return percent == 0 ? bytes : whole / 100 * percent;
  }
  bool operator==(const SizeOrShare&) const = default;
};
/// As parse_size(), or "90 %", from 1 to 100.
std::optional<SizeOrShare> parse_size_or_share(std::string_view text);
/// "30 s", "10 min", "500 ms", "24 h", "30 d", "0".
std::optional<std::chrono::milliseconds> parse_duration(std::string_view text);

}  // namespace hubcache
