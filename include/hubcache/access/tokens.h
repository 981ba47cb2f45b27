#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "hubcache/access/accounts.h"
#include "hubcache/base/clock.h"
#include "hubcache/db/connection.h"

namespace hubcache::access {

/// An access token: stands for its account wherever Basic is accepted, as a Bearer. Only its hash
/// is kept.
struct AccessToken {
  std::string name;  // what it is known by; no two have the same
  std::string account;
  WallTime created{};
  std::optional<WallTime> expires{};
};

/// Whom a token stands for, and for how long.
struct TokenOwner {
  Account account;
  std::optional<WallTime> until{};
};

/// The hash that a token is known by. The token is as random as its hash: no salt, no work.
std::string token_hash(std::string_view token);

// All run in a transaction of the caller's.

/// Makes a token and returns it: kOwnTokenPrefix and 64 hex digits. Throws kNotFound without such
/// an account, kConflict when a token has that name, kBadRequest for a name that no account could
/// have either.
std::string create_token(db::Connection& sql, const std::string& account, const std::string& name,
                         WallTime now, std::optional<WallTime> expires);
/// Oldest first.
std::vector<AccessToken> all_tokens(db::Connection& sql);
/// False when there is none of that name.
bool revoke_token(db::Connection& sql, const std::string& name);
/// Who has the token with this hash; whether it has expired is for the caller to see.
std::optional<TokenOwner> owner_of(db::Connection& sql, const std::string& hash);

}  // namespace hubcache::access
