#pragma once

#include <string>
#include <string_view>

namespace hubcache {

/// Without the blanks and tabs around it.
std::string_view trimmed(std::string_view text);
/// With the letters A to Z small, whatever the locale.
std::string lower_case(std::string_view text);

}  // namespace hubcache
