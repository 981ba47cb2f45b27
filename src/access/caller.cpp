#include "hubcache/access/caller.h"

#include <algorithm>
#include <utility>

#include "hubcache/access/credentials.h"
#include "hubcache/base/digest.h"
#include "hubcache/base/error.h"

namespace hubcache::access {
namespace {

/// Visible characters without a comma: what else there is could hide one of our tokens.
bool is_token(std::string_view text) {
  return !text.empty() &&
         std::ranges::all_of(text, [](char c) { return c > ' ' && c <= '~' && c != ','; });
}

}  // namespace

Caller Caller::of(const http::Headers& headers) {
  const auto value = headers.get("Authorization");
  if (!value) return {};
  const auto space = value->find_first_of(" \t");
  const auto scheme = value->substr(0, space);
  auto rest = space == std::string_view::npos ? std::string_view() : value->substr(space + 1);
  rest.remove_prefix(std::min(rest.find_first_not_of(" \t"), rest.size()));
  if (http::same_name(scheme, "Basic")) return {.kind = Kind::kBasic, .token = {}};
  if (!http::same_name(scheme, "Bearer") || !is_token(rest)) return {};
  const auto kind = rest.starts_with(kOwnTokenPrefix) ? Kind::kOwnToken : Kind::kHubToken;
  return {.kind = kind, .token = std::string(rest)};
}

Caller Caller::of_git(const http::Headers& headers) {
  constexpr std::string_view kHubTokenPrefix = "hf_";
  auto caller = of(headers);
  if (caller.kind != Kind::kBasic) return caller;
  auto password = read_credentials(headers).password;
  if (!password.starts_with(kHubTokenPrefix) || !is_token(password)) return caller;
  return {.kind = Kind::kHubToken, .token = std::move(password)};
}

hub::Credential credential_for(const hub::Endpoint& endpoint, const Caller& caller,
                               std::string_view key) {
  using Kind = hub::Credential::Kind;
  if (endpoint.has_right()) {
    return {.kind = Kind::kRemote, .token = {}, .key = "remote"};
  }
  if (caller.kind == Caller::Kind::kHubToken) {
    return {.kind = Kind::kCaller, .token = caller.token, .key = keyed_hash(key, caller.token)};
  }
  return hub::Credential::anonymous();
}

Task<std::optional<Account>> account_of(Accounts& accounts, const http::Request& request) {
  auto credentials = read_credentials(request.headers);
  if (!credentials.given || !credentials.complaint.empty()) co_return std::nullopt;
  auto login = co_await accounts.verify(std::move(credentials), request);
  if (login.retry_after.count() > 0) {
    throw Error(Error::Kind::kTooManyRequests, "Too many failed logins from this address.",
                Error::HubDetail{.retry_after = login.retry_after});
  }
  co_return std::move(login.account);
}

}  // namespace hubcache::access
