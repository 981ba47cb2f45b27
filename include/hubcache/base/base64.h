#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace hubcache {

// Standard base64 with its padding (RFC 4648 section 4).

std::string base64_encode(std::string_view bytes);
/// nullopt for anything else, and for "".
std::optional<std::string> base64_decode(std::string_view text);

}  // namespace hubcache
