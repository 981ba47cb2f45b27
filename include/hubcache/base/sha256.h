#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include "hubcache/base/digest.h"

namespace hubcache {

/// Of a text that is in memory whole.
inline Digest sha256_of(std::string_view text) {
  Hasher hasher(Digest::Algorithm::kSha256, text.size());
  hasher.update(std::as_bytes(std::span(text)));
  return hasher.finish();
}

}  // namespace hubcache
