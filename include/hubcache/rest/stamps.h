#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "hubcache/base/clock.h"

namespace hubcache::rest {

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

/// "2026-08-22T10:00:00.123456Z"
std::string iso_time(std::int64_t micros);
/// ISO 8601 with or without fraction, `Z` or an offset; a plain date is its midnight.
std::optional<std::int64_t> parse_iso_time(std::string_view text);
/// A UUID that follows from the text (RFC 9562 5.8): for what has no id of its own.
std::string derived_uuid(std::string_view text);
/// The canonical spelling of a UUID written with or without hyphens; nullopt when it is none.
std::optional<std::string> canonical_uuid(std::string_view text);

}  // namespace hubcache::rest
