#include "hubcache/registry/endpoint.h"

#include <chrono>
#include <cmath>
#include <utility>

#include <arpa/inet.h>
#include <nlohmann/json.hpp>

#include "hubcache/registry/load.h"

namespace hubcache::registry {
namespace {

using Json = nlohmann::ordered_json;
using std::chrono::milliseconds;

std::string text_of(const Json& document, const char* field) {
  const auto found = document.find(field);
  return found != document.end() && found->is_string() ? found->get<std::string>() : std::string();
}

/// Null and 0 both mean "not set" (contract/pulp.md 7.1).
milliseconds duration_of(const Json& document, const char* field, milliseconds fallback) {
  const auto found = document.find(field);
  if (found == document.end() || !found->is_number()) return fallback;
  const double seconds = found->get<double>();
  if (!(seconds > 0)) return fallback;
  constexpr double kLongest = 7 * 24 * 3600;  // more is a typing error, and overflows timers
  return milliseconds(std::lround(std::min(seconds, kLongest) * 1000));
}

int count_of(const Json& document, const char* field, int fallback) {
  const auto found = document.find(field);
  if (found == document.end() || !found->is_number_integer()) return fallback;
  const auto value = found->get<std::int64_t>();
  return value > 0 ? static_cast<int>(std::min<std::int64_t>(value, 1000)) : fallback;
}

bool is_private_ipv4(std::uint32_t address) {
  return (address >> 24) == 10 || (address >> 24) == 127 || (address >> 20) == 0xac1 ||
         (address >> 16) == 0xc0a8 || (address >> 16) == 0xa9fe || (address >> 22) == (0x6440 >> 6);
}

bool names_private_address(const std::string& host) {
  if (host == "localhost" || host.ends_with(".localhost")) return true;
  in_addr v4{};
  if (::inet_pton(AF_INET, host.c_str(), &v4) == 1) return is_private_ipv4(ntohl(v4.s_addr));
  in6_addr v6{};
  if (::inet_pton(AF_INET6, host.c_str(), &v6) != 1) return false;
  const auto* bytes = v6.s6_addr;
  return IN6_IS_ADDR_LOOPBACK(&v6) || IN6_IS_ADDR_LINKLOCAL(&v6) || (bytes[0] & 0xfe) == 0xfc;
}

std::optional<http::Url> base_of(const Json& document) {
  const auto standard = http::Url::parse(kDefaultHub).value_or(http::Url{});
  auto hub = http::Url::parse(text_of(document, "hf_hub_url"));
  if (hub && !(hub->same_origin(standard) && hub->path == "/")) return hub;
  auto url = http::Url::parse(text_of(document, "url"));
  if (url && url->host != standard.host) return url;
  return hub ? hub : standard;
}

std::vector<std::pair<std::string, std::string>> headers_of(const Json& document) {
  std::vector<std::pair<std::string, std::string>> fields;
  const auto found = document.find("headers");
  if (found == document.end() || !found->is_array()) return fields;
  for (const auto& group : *found) {
    for (const auto& [name, value] : group.items()) {
      fields.emplace_back(name, value.is_string() ? value.get<std::string>() : value.dump());
    }
  }
  return fields;
}

bool is_labelled_offline(const Json& document) {
  const auto labels = document.find("pulp_labels");
  return labels != document.end() && labels->is_object() &&
         text_of(*labels, std::string(kOfflineLabel).c_str()) == "true";
}

}  // namespace

hub::EndpointPtr make_endpoint(std::string id, std::uint64_t epoch, const Json& document,
                               bool offline) {
  auto endpoint = std::make_shared<hub::Endpoint>();
  endpoint->remote = std::move(id);
  endpoint->epoch = epoch;
  endpoint->token = text_of(document, "hf_token");
  endpoint->headers = headers_of(document);
  endpoint->username = text_of(document, "username");
  endpoint->password = text_of(document, "password");
  endpoint->offline = offline || is_labelled_offline(document);
  endpoint->max_retries = count_of(document, "max_retries", endpoint->max_retries);
  endpoint->download_concurrency =
      count_of(document, "download_concurrency", endpoint->download_concurrency);

  const http::Timeouts usual;
  endpoint->timeouts = {
      .connect = duration_of(document, "sock_connect_timeout", usual.connect),
      .acquire = duration_of(document, "connect_timeout", usual.acquire),
      .first_byte = duration_of(document, "sock_read_timeout", usual.first_byte),
      .between_bytes = duration_of(document, "sock_read_timeout", usual.between_bytes),
      .total = duration_of(document, "total_timeout", usual.total)};

  auto& origin = endpoint->origin;
  origin.proxy_url = text_of(document, "proxy_url");
  origin.proxy_username = text_of(document, "proxy_username");
  origin.proxy_password = text_of(document, "proxy_password");
  origin.verify_tls = document.value("tls_validation", true);
  origin.ca_cert = text_of(document, "ca_cert");
  origin.client_cert = text_of(document, "client_cert");
  origin.client_key = text_of(document, "client_key");
  origin.host.clear();
  if (const auto base = base_of(document)) {
    endpoint->base = *base;
    endpoint->base.query.clear();
    origin.scheme = base->scheme;
    origin.host = base->host;
    origin.port = base->port;
    origin.allow_private = names_private_address(base->host);
    if (origin.allow_private) endpoint->allowed_private_hosts.push_back(base->host);
  }
  endpoint->seal();
  return endpoint;
}

}  // namespace hubcache::registry
