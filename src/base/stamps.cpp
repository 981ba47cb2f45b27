#include "hubcache/base/stamps.h"

#include <algorithm>
#include <array>
#include <cstdio>

#include "hubcache/base/digest.h"

namespace hubcache {
namespace {

constexpr int kSequenceBits = 12;

}  // namespace

std::string hyphenated(std::string_view hex) {
  std::string text;
  for (std::size_t i = 0; i < hex.size(); ++i) {
    if (i == 8 || i == 12 || i == 16 || i == 20) text += '-';
    text += hex[i];
  }
  return text;
}

Stamps::Stamp Stamps::next() {
  const std::int64_t now = clock_.now().time_since_epoch().count() << kSequenceBits;
  std::int64_t last = last_.load(std::memory_order_relaxed);
  std::int64_t stamp = 0;
  do {
    stamp = std::max(now, last + 1);
  } while (!last_.compare_exchange_weak(last, stamp, std::memory_order_relaxed));

  const std::int64_t millis = stamp >> kSequenceBits;
  const auto sequence = static_cast<unsigned>(stamp & ((1 << kSequenceBits) - 1));
  std::array<char, 17> head{};
  (void)std::snprintf(head.data(), head.size(), "%012llx7%03x",
                      static_cast<unsigned long long>(millis), sequence);
  auto tail = to_hex(random_bytes(8));
  constexpr std::string_view kVariants = "89ab";
  tail[0] = kVariants[static_cast<unsigned char>(tail[0]) & 3U];
  return {.micros = millis * 1000 + std::min(sequence, 999U),
          .id = hyphenated(std::string(head.data()) + tail)};
}

}  // namespace hubcache
