#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "hubcache/access/accounts.h"
#include "hubcache/base/task.h"
#include "hubcache/http/message.h"
#include "hubcache/hub/types.h"

namespace hubcache::access {

/// Prefix of hubcache's own access tokens. Whatever starts with it is never forwarded, valid or not
/// (SECURITY 6).
inline constexpr std::string_view kOwnTokenPrefix = "hc_";

/// Who asks, as far as a request's Authorization tells.
struct Caller {
  enum class Kind : std::uint8_t { kAnonymous, kHubToken, kOwnToken, kBasic };
  Kind kind = Kind::kAnonymous;
  std::string token;  // of kHubToken and kOwnToken

  static Caller of(const http::Headers& headers);
  /// The same for git and git-lfs, which send what they have as a password: a Hub token among those
  /// is one (SECURITY 6).
  static Caller of_git(const http::Headers& headers);
};

/// What the caller's requests upstream are sent with: the remote's credentials if it has any, else
/// the caller's own Hub token, else nothing (DESIGN 3). `key` hashes tokens, so that none is kept.
hub::Credential credential_for(const hub::Endpoint& endpoint, const Caller& caller,
                               std::string_view key);

/// The hubcache account that asks, by the credentials in the request; nullopt when there are none,
/// or they are wrong. Throws kTooManyRequests after too many failures from its address.
Task<std::optional<Account>> account_of(Accounts& accounts, const http::Request& request);

}  // namespace hubcache::access
