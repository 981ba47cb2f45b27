#pragma once

#include <initializer_list>
#include <string>
#include <string_view>

namespace hubcache {

/// The parts one after the other, in one allocation: for keys, which each request makes.
inline std::string joined(std::initializer_list<std::string_view> parts) {
  std::size_t size = 0;
  for (const auto part : parts) size += part.size();
  std::string whole;
  whole.reserve(size);
  for (const auto part : parts) whole += part;
  return whole;
}

}  // namespace hubcache
