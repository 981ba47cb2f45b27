#pragma once

#include <optional>
#include <string>

#include "hubcache/app/commands.h"
#include "hubcache/app/place.h"

namespace CLI {
class App;
}

namespace hubcache::app {

/// What was said after `hubcache user` or `hubcache token`.
struct AccountArguments {
  std::optional<std::string> verb;  // "user.add" and so on; nullopt: neither was asked for
  std::string name;
  std::string role = "downloader";
  std::string account;
  std::string expires;  // "30 d", or empty
  bool generate = false;
  bool json = false;  // lists as JSON, one object a line
};

/// Adds both commands; parsing fills in `arguments` and `place`, which must outlive it.
void add_account_commands(CLI::App& app, AccountArguments& arguments, Place& place);

/// Does it and prints what came of it; returns 0. A password is read from standard input, without
/// echo when that is a terminal. Throws what order_command() throws, and kBadRequest.
int run_account_arguments(const Workplace& at, const AccountArguments& arguments);

}  // namespace hubcache::app
