#include "requests.h"

#include <algorithm>
#include <array>

#include "hubcache/base/base64.h"

namespace hubcache::hub {
namespace {

// Fields that frame a message or belong to one connection: not for a remote to set.
constexpr std::array<std::string_view, 12> kNotForRemotes{"Accept-Encoding",
                                                          "Connection",
                                                          "Content-Length",
                                                          "Expect",
                                                          "Host",
                                                          "Keep-Alive",
                                                          "Range",
                                                          "TE",
                                                          "Trailer",
                                                          "Transfer-Encoding",
                                                          "Upgrade",
                                                          "Via"};

void add_right_of_remote(const Endpoint& endpoint, http::Headers& headers) {
  for (const auto& [name, value] : endpoint.headers) {
    const auto same = [&name](std::string_view other) { return http::same_name(name, other); };
    if (std::ranges::none_of(kNotForRemotes, same)) headers.add(name, value);
  }
  if (!endpoint.token.empty()) {
    headers.set("Authorization", "Bearer " + endpoint.token);
  } else if (!endpoint.username.empty()) {
    headers.set("Authorization",
                "Basic " + base64_encode(endpoint.username + ":" + endpoint.password));
  }
}

}  // namespace

http::Headers hub_headers(const Endpoint& endpoint, const Credential& credential,
                          std::string_view instance_id, std::string_view accept_encoding) {
  http::Headers headers;
  switch (credential.kind) {
    case Credential::Kind::kAnonymous:
      break;
    case Credential::Kind::kRemote:
      add_right_of_remote(endpoint, headers);
      break;
    case Credential::Kind::kCaller:
      headers.set("Authorization", "Bearer " + credential.token);
      break;
  }
  headers.set("Accept", "*/*");
  headers.set("Accept-Encoding", accept_encoding);
  headers.set("Via", endpoint.via + "1.1 " + std::string(instance_id));
  return headers;
}

http::Headers cdn_headers() { return {{"Accept", "*/*"}, {"Accept-Encoding", "identity"}}; }

http::Origin origin_of(const Endpoint& endpoint, const Credential& credential,
                       const http::Url& url) {
  http::Origin origin = endpoint.origin;
  const bool is_hub = url.same_origin(endpoint.base);
  if (!is_hub || credential.kind != Credential::Kind::kRemote) {
    origin.client_cert.clear();
    origin.client_key.clear();
  }
  if (is_hub) return origin;
  origin.scheme = url.scheme;
  origin.host = url.host;
  origin.port = url.port;
  if (url.host == endpoint.base.host) return origin;
  const auto is_host = [&url](const std::string& allowed) {
    return http::same_name(allowed, url.host);
  };
  origin.allow_private = std::ranges::any_of(endpoint.allowed_private_hosts, is_host);
  return origin;
}

bool may_follow(const http::Url& from, const http::Url& to) {
  return from.scheme != "https" || to.scheme == "https";
}

std::string loggable(const http::Url& url) {
  return url.scheme + "://" + url.authority() + url.path;
}

}  // namespace hubcache::hub
