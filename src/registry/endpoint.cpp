#include "hubcache/registry/endpoint.h"

#include <chrono>
#include <cmath>
#include <iterator>
#include <sstream>
#include <utility>

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

std::string label_of(const Json& document, std::string_view name) {
  const auto labels = document.find("pulp_labels");
  const bool has_any = labels != document.end() && labels->is_object();
  return has_any ? text_of(*labels, std::string(name).c_str()) : std::string();
}

std::vector<std::string> words_in(const std::string& text) {
  std::istringstream words(text);
  return {std::istream_iterator<std::string>(words), std::istream_iterator<std::string>()};
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
  endpoint->offline = offline || label_of(document, kOfflineLabel) == "true";
  endpoint->allowed_private_hosts = words_in(label_of(document, kAllowedHostsLabel));
  endpoint->max_retries = count_of(document, "max_retries", endpoint->max_retries);
  // 0: no limit of its own.
  endpoint->download_concurrency = count_of(document, "download_concurrency", 0);

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
    origin.allow_private = true;
  }
  endpoint->seal();
  return endpoint;
}

}  // namespace hubcache::registry
