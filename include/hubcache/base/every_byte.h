#pragma once

#include <algorithm>
#include <cstddef>
#include <string_view>

namespace hubcache {

/// Is this true of each of the first bytes? So many that the compiler looks at them all at once.
template <std::size_t kSize, typename Predicate>
bool is_each_of_first(std::string_view text, Predicate is_good) {
  unsigned char bad = 0;
  for (std::size_t i = 0; i < kSize; ++i) bad |= is_good(text[i]) ? 0 : 1;
  return bad == 0;
}

/// Is this true of every byte? For text that each request has looked at: many bytes are looked at
/// at once, some of them twice. `is_good` takes a char and is best four comparisons at most.
template <typename Predicate>
bool is_every_byte(std::string_view text, Predicate is_good) {
  constexpr std::size_t kMany = 16;
  constexpr std::size_t kFew = 8;
  if (text.size() < kFew) return std::ranges::all_of(text, is_good);
  if (text.size() < kMany) {
    return is_each_of_first<kFew>(text, is_good) &&
           is_each_of_first<kFew>(text.substr(text.size() - kFew), is_good);
  }
  const auto last = text.substr(text.size() - kMany);
  for (; text.size() > kMany; text.remove_prefix(kMany)) {
    if (!is_each_of_first<kMany>(text, is_good)) return false;
  }
  return is_each_of_first<kMany>(last, is_good);
}

}  // namespace hubcache
