#include "hubcache/app/account_commands.h"

#include <chrono>
#include <optional>
#include <utility>

#include <nlohmann/json.hpp>

#include "hubcache/access/tokens.h"
#include "hubcache/app/commands.h"
#include "hubcache/base/error.h"

namespace hubcache::app {
namespace {

using Json = nlohmann::json;
using std::chrono::milliseconds;

access::Role role_in(const Json& command) {
  const auto text = text_of(command, "role");
  const auto role = access::role_of(text);
  if (access::text_of(role) == text) return role;
  throw Error(Error::Kind::kBadRequest,
              "there is no role \"" + text + "\": allowed are admin and downloader");
}

std::int64_t seconds_of(WallTime time) {
  return std::chrono::floor<std::chrono::seconds>(time).time_since_epoch().count();
}

Json users_in(db::Connection& sql) {
  Json users = Json::array();
  for (const auto& account : access::all_accounts(sql)) {
    users.push_back({{"name", account.name},
                     {"role", access::text_of(account.role)},
                     {"created", seconds_of(account.created)}});
  }
  return {{"users", std::move(users)}};
}

Json tokens_in(db::Connection& sql) {
  Json tokens = Json::array();
  for (const auto& token : access::all_tokens(sql)) {
    tokens.push_back({{"name", token.name},
                      {"account", token.account},
                      {"created", seconds_of(token.created)},
                      {"expires", token.expires ? Json(seconds_of(*token.expires)) : Json()}});
  }
  return {{"tokens", std::move(tokens)}};
}

Task<Json> create_token(access::Accounts& accounts, Json command) {
  std::optional<milliseconds> lifetime;
  if (const auto found = command.find("lifetime_ms"); found != command.end()) {
    lifetime = milliseconds(found->get<std::int64_t>());
  }
  auto token = co_await accounts.create_token(text_of(command, "account"), text_of(command, "name"),
                                              lifetime);
  Json result{{"token", std::move(token)}};
  co_return result;
}

}  // namespace

Task<Json> run_account_command(access::Accounts& accounts, db::Database& database, Json command) {
  const auto verb = text_of(command, "do");
  Json done = Json::object();
  if (verb == "user.list") co_return co_await database.read(users_in);
  if (verb == "token.list") co_return co_await database.read(tokens_in);
  if (verb == "token.create") co_return co_await create_token(accounts, std::move(command));
  if (verb == "user.add") {
    co_await accounts.add(text_of(command, "name"), text_of(command, "password"), role_in(command));
  } else if (verb == "user.passwd") {
    co_await accounts.change_password(text_of(command, "name"), text_of(command, "password"));
  } else if (verb == "user.remove") {
    co_await accounts.remove(text_of(command, "name"));
  } else if (verb == "token.revoke") {
    co_await accounts.revoke_token(text_of(command, "name"));
  } else {
    throw Error(Error::Kind::kBadRequest, "there is no command \"" + verb + "\"");
  }
  co_return done;
}

}  // namespace hubcache::app
