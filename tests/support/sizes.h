#pragma once

#include <cstdint>

namespace hubcache {

inline constexpr std::uint64_t kMiB = std::uint64_t{1} << 20;

}  // namespace hubcache
