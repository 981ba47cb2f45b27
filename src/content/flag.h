#pragma once

#include <string_view>

namespace hubcache::content {

/// Does the value of a flag, in a query or a form, mean yes to the Hub?
inline bool is_on(std::string_view value) {
  return value == "true" || value == "True" || value == "1";
}

}  // namespace hubcache::content
