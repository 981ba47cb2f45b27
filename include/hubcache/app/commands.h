#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>

#include <nlohmann/json_fwd.hpp>

#include "hubcache/access/accounts.h"
#include "hubcache/app/config.h"
#include "hubcache/app/control.h"
#include "hubcache/app/metrics.h"
#include "hubcache/base/clock.h"
#include "hubcache/base/digest.h"
#include "hubcache/base/task.h"
#include "hubcache/db/database.h"
#include "hubcache/mirror/intake.h"
#include "hubcache/obs/log.h"
#include "hubcache/store/store.h"

namespace hubcache::mirror {
class Fetch;
}

namespace hubcache::app {

/// What commands work on; it outlives them.
struct Workbench {
  access::Accounts& accounts;
  db::Database& database;
  store::Store& store;
  const Clock& clock;
  mirror::Intake& intake;
  obs::Log& log;
  mirror::Fetch* fetch = nullptr;               // null: nothing is asked upstream from here
  std::function<Task<bool>(Digest)> refetch{};  // as of mirror::Scrub; null: as for `fetch`
  const Metrics* metrics = nullptr;             // null: no server runs
  std::string by = kCommandLine;                // who gives the command, for the log
};

inline constexpr const char* kOperator = "operator";  // who pins by command

/// Does what a command asks for, as JSON: {"do": "user.add", ...}; run_account_command(),
/// run_blob_command(), run_carry_command(), run_fetch_command() and run_status_command() say which
/// there are, and "log.level" is one. A change of accounts or tokens is a line `audit` of the log.
/// Throws what they throw, and kBadRequest for others.
Task<nlohmann::json> run_command(Workbench bench, nlohmann::json command);

class ServerAt;

/// Where the command line does its work; all of it outlives who uses this.
struct Workplace {
  const Config& config;        // says the data directory
  ServerAt* server = nullptr;  // to be asked by its URL, in place of a directory
};

/// Has the server do it: the one that is named, or the one that runs on the data directory. nullopt
/// when none runs there. Throws what command_server() and ServerAt::give() throw.
std::optional<nlohmann::json> ask_server(const Workplace& at, const nlohmann::json& command,
                                         const std::stop_token& stop = {});

/// run_command() from outside: by the server at its URL; or by the one that runs on the data
/// directory, or, when there is none, on the directory itself, under its lock, which is held while
/// this lives. Used by one thread.
class Orders {
 public:
  explicit Orders(const Workplace& at);
  ~Orders();
  Orders(const Orders&) = delete;
  Orders& operator=(const Orders&) = delete;

  /// Blocks. Throws what the command throws, kNotFound when there is no such directory yet,
  /// kConflict when a server has it that cannot be asked, kUnavailable when none answers at the
  /// URL, and kCancelled when one that answered before does not answer any more.
  nlohmann::json give(const nlohmann::json& command);

 private:
  struct Bench;
  const Workplace at_;
  bool served_ = false;  // a server has answered
  std::unique_ptr<Bench> bench_;
};

/// One command, as Orders::give().
nlohmann::json order_command(const Workplace& at, const nlohmann::json& command);

/// Has the server that runs log from this level on. Blocks. Throws kNotFound when none does.
void order_log_level(const Workplace& at, const std::string& level);

/// Gives a command to whoever does it; throws kCancelled soon after `stop` is asked for.
using Order = std::function<nlohmann::json(const nlohmann::json& command, std::stop_token stop)>;

/// Runs the command on that executor and blocks for its result, as an Order.
nlohmann::json wait_for_command(const Executor& executor, Task<nlohmann::json> command,
                                const std::stop_token& stop);

/// Throws kNotFound, which says what to do, when there is nothing of hubcache's in the data
/// directory.
void require_data(const Config& config);

/// The text in that field of a command. Throws kBadRequest when there is none.
std::string text_of(const nlohmann::json& command, const char* field);

}  // namespace hubcache::app
