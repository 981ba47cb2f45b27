#pragma once

#include <optional>
#include <string>

#include <nlohmann/json.hpp>

#include "hubcache/rest/field.h"

namespace hubcache::rest {

/// Values that are text to a client; as read_value().
std::optional<Json> read_text(const Field& field, const Json& raw, Json& error);
std::optional<Json> read_choice(const Field& field, const Json& raw, Json& error);

/// Python's str() of a value: what the errors show of one.
std::string scalar_text(const Json& value);
/// Python's repr() of it: texts in quotes.
std::string python_text(const Json& value);

}  // namespace hubcache::rest
