#pragma once

#include <string_view>

namespace hubcache {

/// Of this program: "1.2.3", or "1.2.3+4.gabcdef0" four commits later.
std::string_view version() noexcept;

}  // namespace hubcache
