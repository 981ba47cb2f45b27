#include "hubcache/http/public_name.h"

#include <algorithm>

#include <boost/asio/ip/address.hpp>

#include "hubcache/base/text.h"
#include "hubcache/http/url.h"

namespace hubcache::http {
namespace {

std::string without_trailing_slashes(std::string_view text) {
  while (text.ends_with('/')) text.remove_suffix(1);
  return std::string(text);
}

bool comes_by_trusted_proxy(const Request& request, const PublicName& name) {
  return std::ranges::find(name.trusted_proxies, request.peer.address) !=
         name.trusted_proxies.end();
}

bool is_address(const std::string& host) {
  boost::system::error_code failure;
  asio::ip::make_address(host, failure);
  return !failure;
}

/// The host of a Host field, without its port and brackets; empty when it is none.
std::string host_of(std::string_view field) {
  if (!is_authority(field)) return {};
  if (field.starts_with('[')) return lower_case(field.substr(1, field.find(']') - 1));
  return lower_case(field.substr(0, field.find(':')));
}

}  // namespace

std::string public_base(const Request& request, const PublicName& name) {
  if (!name.external_url.empty()) return without_trailing_slashes(name.external_url);
  std::string scheme = request.peer.tls ? "https" : "http";
  std::string host(request.headers.get("Host").value_or("localhost"));
  std::string prefix;
  if (comes_by_trusted_proxy(request, name)) {
    const auto forwarded = lower_case(request.headers.get("X-Forwarded-Proto").value_or(scheme));
    if (forwarded == "http" || forwarded == "https") scheme = forwarded;
    host = request.headers.get("X-Forwarded-Host").value_or(host);
    prefix = without_trailing_slashes(request.headers.get("X-Forwarded-Prefix").value_or(""));
    if (!prefix.starts_with('/')) prefix.clear();
  }
  return scheme + "://" + host + prefix;
}

std::string client_address(const Request& request, const PublicName& name) {
  if (comes_by_trusted_proxy(request, name)) {
    const auto forwarded = request.headers.get("X-Forwarded-For").value_or("");
    // The last one is what our own proxy saw; those before it are the client's own words.
    const auto last = trimmed(forwarded.substr(forwarded.rfind(',') + 1));
    if (!last.empty()) return std::string(last);
  }
  return request.peer.address;
}

bool is_known_host(const Request& request, const PublicName& name,
                   std::span<const std::string> known) {
  const auto host = host_of(request.headers.get("Host").value_or(""));
  if (is_address(host) || host == "localhost" || host.ends_with(".localhost")) return true;
  if (const auto own = Url::parse(name.external_url); own && own->host == host) return true;
  const auto is_host = [&host](const std::string& one) { return lower_case(one) == host; };
  return std::ranges::any_of(known, is_host) || comes_by_trusted_proxy(request, name);
}

}  // namespace hubcache::http
