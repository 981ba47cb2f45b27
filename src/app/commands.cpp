#include "hubcache/app/commands.h"

#include <chrono>
#include <exception>
#include <filesystem>
#include <future>
#include <memory>
#include <string>
#include <utility>

#include <boost/asio/co_spawn.hpp>
#include <nlohmann/json.hpp>

#include "hubcache/app/account_commands.h"
#include "hubcache/app/blob_commands.h"
#include "hubcache/app/control.h"
#include "hubcache/app/fetch_commands.h"
#include "hubcache/app/instance.h"
#include "hubcache/base/error.h"
#include "hubcache/store/data_dir.h"

namespace hubcache::app {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kDiskThreads = 2;
constexpr const char* kLogLevel = "log.level";
constexpr std::chrono::milliseconds kLookForStop{100};

/// The command on a data directory that no server has.
Json run_offline(const Config& config, const Json& command) {
  require_data(config);
  const auto data_dir = store::DataDir::open(config.storage.data_dir);
  const SystemClock clock;
  obs::Log log({.level = obs::Level::kWarn});
  store::PosixDisk disk;
  Workers workers(1);
  Pool pool("disk", kDiskThreads);
  db::Database database({.file = data_dir.database()}, all_migrations(), log);
  store::Store store({.data_dir = data_dir.path()}, disk, database, pool, workers.executor(0),
                     clock, log);
  store.recover();
  access::Accounts accounts(workers, database, {.generated_file = data_dir.admin_password()}, clock,
                            log);
  const Workbench bench{
      .accounts = accounts, .database = database, .store = store, .clock = clock, .log = log};
  workers.start();
  Json result;
  std::exception_ptr failure;
  try {
    result = wait_for_command(workers.executor(0), run_command(bench, command), {});
  } catch (...) {
    failure = std::current_exception();
  }
  workers.stop();
  workers.join();
  if (failure) std::rethrow_exception(failure);
  return result;
}

/// What a command changes: "ci", or "laptop (ci)" of a token for the account `ci`.
std::string object_of(const Json& command) {
  const auto text = [&](const char* field) {
    const auto found = command.find(field);
    const bool is_text = found != command.end() && found->is_string();
    return is_text ? found->get<std::string>() : std::string();
  };
  auto name = text("name");
  const auto account = text("account");
  return account.empty() ? name : name + " (" + account + ")";
}

}  // namespace

std::string text_of(const Json& command, const char* field) {
  const auto found = command.find(field);
  if (found != command.end() && found->is_string()) return found->get<std::string>();
  throw Error(Error::Kind::kBadRequest, std::string("the command needs a ") + field);
}

Task<Json> run_command(Workbench bench, Json command) {
  const auto verb = text_of(command, "do");
  if (verb == kLogLevel) {
    bench.log.set_level(obs::level_of(text_of(command, "level")));
    co_return Json::object();
  }
  if (verb.starts_with("fetch.")) {
    if (bench.fetch != nullptr)
      co_return co_await run_fetch_command(*bench.fetch, std::move(command));
    throw Error(Error::Kind::kBadRequest, "nothing can be fetched here");
  }
  const bool of_accounts = verb.starts_with("user.") || verb.starts_with("token.");
  if (!of_accounts) co_return co_await run_blob_command(bench, std::move(command));
  const auto object = object_of(command);
  auto done = co_await run_account_command(bench.accounts, bench.database, std::move(command));
  if (!verb.ends_with(".list")) {
    bench.log.info("audit", {{"action", verb}, {"object", object}, {"account", "command line"}});
  }
  co_return done;
}

Json wait_for_command(const Executor& executor, Task<Json> command, const std::stop_token& stop) {
  auto promise = std::make_shared<std::promise<Json>>();
  auto future = promise->get_future();
  auto settle = [promise](const std::exception_ptr& failure, Json result) {
    failure ? promise->set_exception(failure) : promise->set_value(std::move(result));
  };
  asio::co_spawn(executor, std::move(command), std::move(settle));
  while (future.wait_for(kLookForStop) != std::future_status::ready) {
    if (stop.stop_requested()) throw Error(Error::Kind::kCancelled, "interrupted");
  }
  return future.get();
}

void require_data(const Config& config) {
  const std::filesystem::path path = config.storage.data_dir;
  if (!path.empty() && std::filesystem::exists(store::DataDir::database_in(path))) return;
  throw Error(Error::Kind::kNotFound, "there is no hubcache data in \"" + path.string() +
                                          "\" yet: run `hubcache serve` first, or set --data-dir");
}

Json order_command(const Config& config, const Json& command) {
  const auto socket = store::DataDir::control_socket_in(config.storage.data_dir);
  if (auto answer = command_server(socket, command)) return *answer;
  return run_offline(config, command);
}

void order_log_level(const Config& config, const std::string& level) {
  const auto socket = store::DataDir::control_socket_in(config.storage.data_dir);
  if (command_server(socket, {{"do", kLogLevel}, {"level", level}})) return;
  throw Error(Error::Kind::kNotFound, "no server runs on \"" + config.storage.data_dir +
                                          "\": set --data-dir, or [log] level for its next start");
}

}  // namespace hubcache::app
