#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "hubcache/access/accounts.h"
#include "hubcache/base/error.h"
#include "hubcache/db/connection.h"

namespace hubcache::access {

/// A row of the table of accounts.
struct StoredAccount {
  Account account;
  std::string hash;  // of the password
};

std::optional<StoredAccount> find_account(db::Connection& sql, const std::string& name);
Error no_such_account(const std::string& name);

/// Throws kBadRequest, beginning with `what`, for a name that Basic or a table cannot carry.
void require_usable_name(const std::string& name, std::string_view what);

}  // namespace hubcache::access
