#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>

#include <nlohmann/json_fwd.hpp>

#include "hubcache/base/clock.h"
#include "hubcache/base/task.h"
#include "hubcache/base/workers.h"
#include "hubcache/http/server.h"
#include "hubcache/obs/log.h"

namespace hubcache::app {

using CommandRunner = std::function<Task<nlohmann::json>(nlohmann::json command)>;

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

/// Gives the command to the server that listens on `socket` and blocks for its answer; nullopt when
/// none does. Throws the server's refusal, kUnavailable when the conversation breaks off, and
/// kCancelled soon after `stop` is asked for.
std::optional<nlohmann::json> command_server(const std::filesystem::path& socket,
                                             const nlohmann::json& command,
                                             const std::stop_token& stop = {});

}  // namespace hubcache::app
