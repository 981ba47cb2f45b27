#pragma once

#include <string>
#include <string_view>

#include "hubcache/hub/types.h"

namespace hubcache::hub {

/// The fields of a request to the hub's own origin: the same for every client (contract/hub.md
/// 0.8), with the credential's right and no other. The remote's headers and Basic go with its own
/// right only, so an anonymous answer is what everyone would get.
http::Headers hub_headers(const Endpoint& endpoint, const Credential& credential,
                          std::string_view instance_id, std::string_view accept_encoding);

/// The fields of a request to any other host: nothing that is a right.
http::Headers cdn_headers();

/// The origin that `url` is asked at. The hub's own is as the remote says, its client certificate
/// with its own right only (SECURITY 3); any other shares its proxy and TLS settings, and may be a
/// private address only if its host is on the remote's list, or is the hub's and the hub itself may
/// (SECURITY 17).
http::Origin origin_of(const Endpoint& endpoint, const Credential& credential,
                       const http::Url& url);

/// May a redirect of `from` lead to `to`? Not from https to http (SECURITY 17).
bool may_follow(const http::Url& from, const http::Url& to);

/// "https://host/path", for the log: a signed query is a secret.
std::string loggable(const http::Url& url);

}  // namespace hubcache::hub
