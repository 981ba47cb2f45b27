#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include <nlohmann/json_fwd.hpp>

#include "hubcache/access/accounts.h"
#include "hubcache/base/clock.h"
#include "hubcache/base/error.h"
#include "hubcache/base/task.h"
#include "hubcache/base/workers.h"
#include "hubcache/http/server.h"
#include "hubcache/obs/log.h"

namespace hubcache::app {

/// `by`: who gives the command, for the log.
using CommandRunner = std::function<Task<nlohmann::json>(nlohmann::json command, std::string by)>;
inline constexpr const char* kCommandLine = "command line";  // who may open the data directory

/// `control.sock`: the way in for commands of whoever owns the data directory. Who may open the
/// socket may do everything, so it and its directory are the owner's alone.
class Control {
 public:
  /// Listens when it returns. A path that is too long for a socket is logged, and leaves commands
  /// to times without a server. `run` may be called on any worker.
  Control(Workers& workers, const std::filesystem::path& socket, CommandRunner run,
          const Clock& clock, obs::Log& log);
  ~Control();
  Control(const Control&) = delete;
  Control& operator=(const Control&) = delete;

  /// As http::Server::shut_down().
  Task<> shut_down(std::chrono::milliseconds deadline);

 private:
  std::filesystem::path socket_;
  std::unique_ptr<http::Server> server_;  // null: nothing could be listened on
};

/// The same by URL, on the listeners for clients: POST of a command there, by an administrator.
inline constexpr std::string_view kControlPath = "/-/control";

/// Answers a request for kControlPath. Throws kForbidden to a page of another site (SECURITY 21)
/// and to who is no administrator (SECURITY 11), kUnauthorized without a login, and what the
/// command throws.
Task<http::Response> control_by_url(access::Accounts& accounts, const http::PublicName& public_name,
                                    CommandRunner run, const http::Request& request);

/// What goes out for an error of a command, on the socket and by URL.
http::Response control_refusal(const Error& error);

/// What a command came to, by the body of an answer; throws the refusal that it tells. nullopt: no
/// hubcache said this.
std::optional<nlohmann::json> result_in(std::string_view answer);

/// Gives the command to the server that listens on `socket` and blocks for its answer; nullopt when
/// none does. Throws the server's refusal, kUnavailable when the conversation breaks off, and
/// kCancelled soon after `stop` is asked for.
std::optional<nlohmann::json> command_server(const std::filesystem::path& socket,
                                             const nlohmann::json& command,
                                             const std::stop_token& stop = {});

}  // namespace hubcache::app
