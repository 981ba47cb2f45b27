#pragma once

#include <string>

#include <nlohmann/json_fwd.hpp>

namespace hubcache::app {

inline constexpr int kDateWidth = 18;  // of a column of them
/// Seconds since 1970 as "2026-01-01 00:00", UTC; "never" for null.
std::string date_of(const nlohmann::json& seconds);

}  // namespace hubcache::app
