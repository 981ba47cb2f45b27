#include "hubcache/app/place.h"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <utility>

#include <CLI/CLI.hpp>

#include "hubcache/access/caller.h"
#include "hubcache/base/base64.h"
#include "hubcache/base/error.h"
#include "hubcache/base/text.h"
#include "hubcache/http/proxies.h"

#include "environment.h"

namespace hubcache::app {
namespace {

std::string login_in(const std::string& path) {
  std::ifstream file(path);
  std::string login;
  if (std::getline(file, login)) return login;
  throw Error(Error::Kind::kBadRequest, "no login can be read from " + path +
                                            ": its first line is to be NAME:PASSWORD or an access "
                                            "token");
}

}  // namespace

void add_data_dir(CLI::App& command, Place& place) {
  command.add_option("--config", place.config, "Configuration file (TOML)");
  command.add_option("--data-dir", place.data_dir, "The server's data directory");
}

void add_place(CLI::App& command, Place& place) {
  add_data_dir(command, place);
  command.add_option("--server", place.server,
                     "URL of a server to ask instead; or HUBCACHE_SERVER");
  command.add_option(
      "--login-file", place.login_file,
      "File with an administrator's NAME:PASSWORD or access token; or HUBCACHE_LOGIN");
  command.parse_complete_callback([&place] { place.may_be_server = true; });
}

std::unique_ptr<ServerAt> server_of(const Place& place,
                                    const std::vector<std::string>& environment) {
  if (!place.may_be_server) return nullptr;
  const bool by_directory = !place.data_dir.empty() || !place.config.empty();
  if (by_directory && !(place.server.empty() && place.login_file.empty())) {
    throw Error(Error::Kind::kBadRequest,
                "--server and --login-file ask a server by its URL, --data-dir and --config mean a "
                "directory here: give one or the other");
  }
  if (by_directory) return nullptr;
  auto url = place.server.empty() ? value_of(environment, "HUBCACHE_SERVER") : place.server;
  if (url.empty() && place.login_file.empty()) return nullptr;
  if (url.empty())
    throw Error(Error::Kind::kBadRequest,
                "--login-file needs a server: give --server, or set HUBCACHE_SERVER");
  const auto login = place.login_file.empty() ? value_of(environment, "HUBCACHE_LOGIN")
                                              : login_in(place.login_file);
  return std::make_unique<ServerAt>(std::move(url), authorization_of(login),
                                    http::Proxies(environment));
}

std::string authorization_of(std::string_view login) {
  while (login.ends_with('\r')) login.remove_suffix(1);
  if (login.empty()) return {};
  if (login.find(':') != std::string_view::npos) return "Basic " + base64_encode(login);
  const bool is_plain = std::ranges::all_of(login, [](char c) { return c > ' ' && c <= '~'; });
  if (is_plain && login.starts_with(access::kOwnTokenPrefix)) return "Bearer " + std::string(login);
  throw Error(Error::Kind::kBadRequest,
              "a login is NAME:PASSWORD, or an access token of hubcache's, which begins with hc_");
}

}  // namespace hubcache::app
