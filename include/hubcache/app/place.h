#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "hubcache/app/server_at.h"

namespace CLI {
class App;
}

namespace hubcache::app {

/// What was said about where a command does its work.
struct Place {
  std::string config{};
  std::string data_dir{};
  std::string server{};        // the URL of one
  std::string login_file{};    // what it is told, as HUBCACHE_LOGIN
  bool may_be_server = false;  // a server can do this command; set by parsing
};

/// Adds --config and --data-dir to a command that needs the files themselves; parsing fills in
/// `place`, which must outlive it.
void add_data_dir(CLI::App& command, Place& place);
/// The same, and --server and --login-file, to a command that a server does.
void add_place(CLI::App& command, Place& place);

/// The server that is meant: by --server, or by HUBCACHE_SERVER where neither --data-dir nor
/// --config is given. Its login is in the file of --login-file, or in HUBCACHE_LOGIN. Null when a
/// data directory is meant. Throws kBadRequest, which says what is allowed.
std::unique_ptr<ServerAt> server_of(const Place& place,
                                    const std::vector<std::string>& environment);

/// What Authorization says for a login: NAME:PASSWORD, an access token of hubcache's, or "" for
/// none. Throws kBadRequest for all else.
std::string authorization_of(std::string_view login);

}  // namespace hubcache::app
