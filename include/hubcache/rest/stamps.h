#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace hubcache::rest {

/// "2026-08-22T10:00:00.123456Z"
std::string iso_time(std::int64_t micros);
/// ISO 8601 with or without fraction, `Z` or an offset; a plain date is its midnight.
std::optional<std::int64_t> parse_iso_time(std::string_view text);
/// A UUID that follows from the text (RFC 9562 5.8): for what has no id of its own.
std::string derived_uuid(std::string_view text);
/// The canonical spelling of a UUID written with or without hyphens; nullopt when it is none.
std::optional<std::string> canonical_uuid(std::string_view text);

}  // namespace hubcache::rest
