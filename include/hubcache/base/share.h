#pragma once

#include <algorithm>
#include <cstddef>

namespace hubcache {

/// How much each of so many workers remembers, who do it each by itself: on many it is less, so
/// that all together is not much more than `all`; but a twentieth of it at least.
inline std::size_t share_of(std::size_t all, std::size_t workers) {
  constexpr std::size_t kMostShares = 20;
  return all / std::min(workers, kMostShares);
}

}  // namespace hubcache
