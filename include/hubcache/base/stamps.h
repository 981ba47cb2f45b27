#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>

#include "hubcache/base/clock.h"

namespace hubcache {

/// Times and ids that never repeat and never go back while the process runs, so that "newest
/// first" is the order of creation even within a millisecond. Callable from any thread.
class Stamps {
 public:
  explicit Stamps(const Clock& clock) : clock_(clock) {}
  struct Stamp {
    std::int64_t micros;  // since 1970
    std::string id;       // a UUID, version 7 (RFC 9562 5.7)
  };
  Stamp next();

 private:
  const Clock& clock_;
  std::atomic<std::int64_t> last_{0};
};

/// 32 hexadecimal digits as UUIDs are written.
std::string hyphenated(std::string_view hex);

}  // namespace hubcache
