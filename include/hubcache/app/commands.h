#pragma once

#include <string>

#include <nlohmann/json_fwd.hpp>

#include "hubcache/access/accounts.h"
#include "hubcache/app/config.h"
#include "hubcache/base/clock.h"
#include "hubcache/base/task.h"
#include "hubcache/db/database.h"
#include "hubcache/obs/log.h"
#include "hubcache/store/store.h"

namespace hubcache::app {

/// What commands work on; it outlives them.
struct Workbench {
  access::Accounts& accounts;
  db::Database& database;
  store::Store& store;
  const Clock& clock;
  obs::Log& log;
};

/// Does what a command asks for, as JSON: {"do": "user.add", ...}; run_account_command() and
/// run_blob_command() say which there are, and "log.level" is one. A change of accounts or tokens
/// is a line `audit` of the log. Throws what they throw, and kBadRequest for others.
Task<nlohmann::json> run_command(Workbench bench, nlohmann::json command);

/// The same from outside: by the server that runs on this data directory, or, when there is none,
/// on the directory itself, under its lock. Blocks. Throws what the command throws, kNotFound when
/// there is no such directory yet, and kConflict when a server has it that cannot be asked.
nlohmann::json order_command(const Config& config, const nlohmann::json& command);

/// Has the server that runs log from this level on. Blocks. Throws kNotFound when none does.
void order_log_level(const Config& config, const std::string& level);

/// The text in that field of a command. Throws kBadRequest when there is none.
std::string text_of(const nlohmann::json& command, const char* field);

}  // namespace hubcache::app
