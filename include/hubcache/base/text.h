#pragma once

#include <string>
#include <string_view>

namespace hubcache {

/// Without the blanks and tabs around it.
std::string_view trimmed(std::string_view text);
/// With the letters A to Z small, whatever the locale.
std::string lower_case(std::string_view text);
/// Digits as digests and commit ids are written: 0 to 9 and a to f only.
bool is_lower_hex(std::string_view text);
/// With the signs that mean something in HTML escaped, for its text and its attributes in double
/// quotes.
std::string in_html(std::string_view text);

}  // namespace hubcache
