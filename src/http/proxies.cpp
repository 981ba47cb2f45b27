#include "hubcache/http/proxies.h"

#include <algorithm>
#include <utility>

#include "hubcache/base/text.h"
#include "hubcache/http/client.h"
#include "hubcache/http/url.h"

namespace hubcache::http {
namespace {

/// The value of `name` in small letters, or else in capitals.
std::string variable(const std::vector<std::string>& environment, std::string_view name) {
  std::string found;
  for (const std::string_view entry : environment) {
    const auto equals = entry.find('=');
    if (equals == std::string_view::npos) continue;
    if (entry.substr(0, equals) == name) return std::string(entry.substr(equals + 1));
    if (lower_case(entry.substr(0, equals)) == name) found = entry.substr(equals + 1);
  }
  return found;
}

std::vector<std::string> hosts_in(std::string_view list) {
  std::vector<std::string> hosts;
  while (!list.empty()) {
    const auto end = std::min(list.find(','), list.size());
    auto host = trimmed(list.substr(0, end));
    while (host.starts_with('.')) host.remove_prefix(1);
    if (!host.empty()) hosts.push_back(lower_case(host));
    list.remove_prefix(std::min(end + 1, list.size()));
  }
  return hosts;
}

bool is_below(std::string_view host, std::string_view domain) {
  if (!host.ends_with(domain)) return false;
  host.remove_suffix(domain.size());
  return host.empty() || host.ends_with('.');
}

/// Takes "name:password@" out of a proxy's URL and into the origin.
void set_proxy(Origin& origin, std::string url) {
  if (url.find("://") == std::string::npos) url.insert(0, "http://");
  const auto begin = url.find("://") + 3;
  const auto at = url.rfind('@', url.find('/', begin));
  if (at != std::string::npos && at >= begin) {
    const auto userinfo = url.substr(begin, at - begin);
    const auto colon = std::min(userinfo.find(':'), userinfo.size());
    origin.proxy_username = percent_decode(userinfo.substr(0, colon)).value_or("");
    origin.proxy_password =
        percent_decode(userinfo.substr(std::min(colon + 1, userinfo.size()))).value_or("");
    url.erase(begin, at + 1 - begin);
  }
  origin.proxy_url = std::move(url);
}

}  // namespace

Proxies::Proxies(const std::vector<std::string>& environment)
    : exempt_(hosts_in(variable(environment, "no_proxy"))) {
  for (const std::string scheme : {"http", "https"}) {
    auto url = variable(environment, scheme + "_proxy");
    if (!url.empty()) by_scheme_.emplace(scheme, std::move(url));
  }
}

Origin Proxies::route(Origin origin) const {
  const auto found = by_scheme_.find(origin.scheme);
  if (found == by_scheme_.end() || !origin.proxy_url.empty() || is_exempt(origin)) return origin;
  set_proxy(origin, found->second);
  return origin;
}

bool Proxies::is_exempt(const Origin& origin) const {
  const auto host = lower_case(origin.host);
  const auto with_port = host + ":" + std::to_string(origin.port);
  return std::ranges::any_of(exempt_, [&](const std::string& name) {
    return name == "*" || is_below(host, name) || is_below(with_port, name);
  });
}

}  // namespace hubcache::http
