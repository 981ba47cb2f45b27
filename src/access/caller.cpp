#include "hubcache/access/caller.h"

#include "hubcache/base/digest.h"

namespace hubcache::access {

Caller Caller::of(const http::Headers& headers) {
  const auto value = headers.get("Authorization");
  if (!value) return {};
  const auto space = value->find(' ');
  const auto scheme = value->substr(0, space);
  auto rest = space == std::string_view::npos ? std::string_view() : value->substr(space + 1);
  while (rest.starts_with(' ')) rest.remove_prefix(1);
  if (http::same_name(scheme, "Basic")) return {.kind = Kind::kBasic, .token = {}};
  if (!http::same_name(scheme, "Bearer") || rest.empty()) return {};
  const auto kind = rest.starts_with(kOwnTokenPrefix) ? Kind::kOwnToken : Kind::kHubToken;
  return {.kind = kind, .token = std::string(rest)};
}

hub::Credential credential_for(const hub::Endpoint& endpoint, const Caller& caller,
                               std::string_view key) {
  using Kind = hub::Credential::Kind;
  if (!endpoint.token.empty() || !endpoint.username.empty()) {
    return {.kind = Kind::kRemote, .token = {}, .key = "remote"};
  }
  if (caller.kind == Caller::Kind::kHubToken) {
    return {.kind = Kind::kCaller, .token = caller.token, .key = keyed_hash(key, caller.token)};
  }
  return {.kind = Kind::kAnonymous, .token = {}, .key = "anonymous"};
}

}  // namespace hubcache::access
