#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "hubcache/http/message.h"

namespace hubcache::http {

/// What this server is called from outside.
struct PublicName {
  std::string external_url{};                  // [server] external_url; empty: as requests say
  std::vector<std::string> trusted_proxies{};  // only they may send X-Forwarded-*; IP addresses
};

/// The base URL a client knows us by, without a trailing slash: `external_url` when it is set, else
/// what a trusted proxy forwards (X-Forwarded-Proto, -Host and -Prefix), else the listener's scheme
/// and the request's Host.
std::string public_base(const Request& request, const PublicName& name);
/// Where the client is: its peer, or what a trusted proxy says it was.
std::string client_address(const Request& request, const PublicName& name);

/// Is the request's Host one that a server which only listens on loopback may answer for? A page in
/// a browser on this machine can give any name this address (DNS rebinding, SECURITY 20); so it has
/// to be an address, localhost, the name in `external_url`, one of `known`, or come by a trusted
/// proxy.
bool is_known_host(const Request& request, const PublicName& name,
                   std::span<const std::string> known);

}  // namespace hubcache::http
