#include "hubcache/base/backoff.h"

#include <algorithm>

#include "hubcache/base/digest.h"

namespace hubcache {

std::chrono::milliseconds Backoff::wait(int failures, std::byte chance) const {
  auto whole = first;
  for (int i = 1; i < failures && whole < most; ++i) whole *= 2;
  whole = std::min(whole, most);
  return whole - whole / 2 * std::to_integer<int>(chance) / 255;
}

std::chrono::milliseconds Backoff::wait(int failures) const {
  return wait(failures, static_cast<std::byte>(random_bytes(1).front()));
}

}  // namespace hubcache
