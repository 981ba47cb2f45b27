#pragma once

#include <string>
#include <string_view>

#include "hubcache/http/url.h"

namespace hubcache::content {

/// The `rel="next"` of a Link header of the hub at `hub_base`, as a Link to `own_base` (absolute:
/// relative ones break clients, contract/hub.md 0.5), its query byte for byte. Empty when there is
/// none, or when it leads away from the hub.
std::string own_next_link(std::string_view link, const http::Url& hub_base,
                          std::string_view own_base);

}  // namespace hubcache::content
