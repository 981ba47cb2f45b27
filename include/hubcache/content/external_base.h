#pragma once

#include <string>
#include <string_view>

#include "hubcache/http/message.h"
#include "hubcache/http/url.h"

namespace hubcache::content {

/// The base URL a client knows us by, without a trailing slash: `external_url` when it is set, else
/// the listener's scheme and the request's Host (contract/hub.md 2.3).
std::string external_base(const http::Request& request, std::string_view external_url);

/// The `rel="next"` of a Link header of the hub at `hub_base`, as a Link to `own_base` (absolute:
/// relative ones break clients, contract/hub.md 0.5), its query byte for byte. Empty when there is
/// none, or when it leads away from the hub.
std::string own_next_link(std::string_view link, const http::Url& hub_base,
                          std::string_view own_base);

}  // namespace hubcache::content
