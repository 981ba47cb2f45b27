#pragma once

#include <string_view>

#include <nlohmann/json_fwd.hpp>

namespace hubcache::hub {

/// Lists and objects within each other, of JSON that is read.
inline constexpr int kDeepestJson = 64;

/// JSON of somebody else's, in memory that is bounded (SECURITY 15). Discarded (is_discarded())
/// when the text is no JSON, is nested deeper than kDeepestJson, or has more than 200,000 values.
/// Lists and objects that are `keep_depth` deep or deeper are discarded values, and count for
/// nothing.
nlohmann::json bounded_json(std::string_view text, int keep_depth = kDeepestJson);

}  // namespace hubcache::hub
