#pragma once

#include <string_view>

namespace hubcache {

/// Is this true of every byte? For text that each request has looked at: there is no early end, so
/// that the compiler looks at many bytes at once. `is_good` takes a char and is best four
/// comparisons at most.
template <typename Predicate>
bool is_every_byte(std::string_view text, Predicate is_good) {
  unsigned char bad = 0;
  for (const char c : text) bad |= is_good(c) ? 0 : 1;
  return bad == 0;
}

}  // namespace hubcache
