#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace hubcache::http {

struct Origin;

/// The proxies that the environment names (http_proxy, https_proxy, no_proxy), for origins that
/// have none of their own. Read as Python reads them, and so Pulp: small letters win over capitals,
/// and no_proxy is a list of hosts, of domains with all below them, or `*`; a port may follow.
class Proxies {
 public:
  Proxies() = default;
  /// `environment` is "NAME=value" texts. A URL may hold name:password@.
  explicit Proxies(const std::vector<std::string>& environment);

  /// The origin, with the proxy for it if there is one and it has none.
  Origin route(Origin origin) const;

 private:
  bool is_exempt(const Origin& origin) const;

  std::map<std::string, std::string, std::less<>> by_scheme_;  // URLs
  std::vector<std::string> exempt_;                            // small letters, no leading dots
};

}  // namespace hubcache::http
