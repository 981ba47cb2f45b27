#pragma once

#include <chrono>
#include <cstddef>

namespace hubcache {

/// How long to wait before something that failed is tried again: `first`, and after each further
/// failure twice as long, up to `most`. Of that a part of up to a half is left out by chance, so
/// that many do not come back at once.
struct Backoff {
  std::chrono::milliseconds first;
  std::chrono::milliseconds most;

  /// `failures` in a row, at least one. A `chance` of 0 leaves nothing out, 255 a half.
  std::chrono::milliseconds wait(int failures, std::byte chance) const;
  std::chrono::milliseconds wait(int failures) const;
};

}  // namespace hubcache
