#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "hubcache/http/url.h"

namespace hubcache::hub {

/// Where a Link header of the hub at `base` says that the next page is: raw path and query below
/// the base, the query byte for byte. nullopt when there is none, or when it leads away from the
/// hub (RFC 8288 section 3, contract/hub.md 3.3).
std::optional<std::string> next_target(std::string_view link, const http::Url& base);

}  // namespace hubcache::hub
