#pragma once

#include <string>
#include <string_view>

#include <nlohmann/json_fwd.hpp>

#include "hubcache/hub/hub.h"

namespace hubcache::registry {

/// A remote with this label set to "true" is offline.
inline constexpr std::string_view kOfflineLabel = "hubcache.offline";

/// Other hosts than the hub's own, divided by spaces, that may have private addresses, and that a
/// proxy may be asked for (SECURITY 17).
inline constexpr std::string_view kAllowedHostsLabel = "hubcache.allowed_hosts";

/// How to reach the hub of a remote, from the remote's document with its secrets in clear
/// (fields as in contract/pulp.md 1.2 and 7.1); `offline` when no remote's hub may be asked.
///
/// The hub is `hf_hub_url`, or `url` when that is left at its default and `url` names another host.
/// The hub's own host may have a private address, however it is named: who makes a remote says so.
/// What cannot be used is left out: a base that is no http(s) URL becomes an empty host, which no
/// call reaches.
hub::EndpointPtr make_endpoint(std::string id, std::uint64_t epoch,
                               const nlohmann::ordered_json& document, bool offline = false);

}  // namespace hubcache::registry
