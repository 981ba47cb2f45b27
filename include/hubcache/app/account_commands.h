#pragma once

#include <nlohmann/json_fwd.hpp>

#include "hubcache/access/accounts.h"
#include "hubcache/base/task.h"
#include "hubcache/db/database.h"

namespace hubcache::app {

/// What `hubcache user` and `hubcache token` ask for, as JSON, done:
///
///   {"do": "user.add", "name", "password", "role"}    {"do": "user.list"} -> {"users": [...]}
///   {"do": "user.passwd", "name", "password"}         {"do": "user.remove", "name"}
///   {"do": "token.create", "name", "account", "lifetime_ms"?} -> {"token"}
///   {"do": "token.list"} -> {"tokens": [...]}         {"do": "token.revoke", "name"}
///
/// Throws what access::Accounts throws, and kBadRequest for anything else.
Task<nlohmann::json> run_account_command(access::Accounts& accounts, db::Database& database,
                                         nlohmann::json command);

}  // namespace hubcache::app
