#pragma once

#include <string>

#include <nlohmann/json_fwd.hpp>

namespace hubcache::rest {

/// Keeps the order of keys, as responses must.
using Json = nlohmann::ordered_json;

/// Compact, UTF-8 as it is; bytes that are no UTF-8 become U+FFFD.
std::string to_text(const Json& value);

/// The text of no characters; null is none.
bool is_empty_text(const Json& value);

/// Anything but null and the empty text.
bool is_set(const Json& value);

}  // namespace hubcache::rest
