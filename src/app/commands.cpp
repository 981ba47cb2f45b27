#include "hubcache/app/commands.h"

#include <chrono>
#include <exception>
#include <filesystem>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include <boost/asio/co_spawn.hpp>
#include <nlohmann/json.hpp>

#include "hubcache/app/account_commands.h"
#include "hubcache/app/blob_commands.h"
#include "hubcache/app/carry_commands.h"
#include "hubcache/app/fetch_commands.h"
#include "hubcache/app/instance.h"
#include "hubcache/app/server_at.h"
#include "hubcache/app/status_command.h"
#include "hubcache/base/error.h"
#include "hubcache/base/uninterrupted.h"
#include "hubcache/store/data_dir.h"

namespace hubcache::app {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kDiskThreads = 2;
constexpr const char* kLogLevel = "log.level";
constexpr std::chrono::milliseconds kLookForStop{100};

store::DataDir open_data(const Config& config) {
  require_data(config);
  return store::DataDir::open(config.storage.data_dir);
}

store::Options bench_options(const Config& config, const store::DataDir& data_dir) {
  const std::uint64_t disk = std::filesystem::space(data_dir.path()).capacity;
  return {.data_dir = data_dir.path(),
          .max_size = config.storage.max_size.of(disk),
          .min_free = config.storage.min_free.of(disk)};
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

Task<Json> change_accounts(Workbench bench, Json command) {
  const auto verb = text_of(command, "do");
  const auto object = object_of(command);
  auto done = co_await run_account_command(bench.accounts, bench.database, std::move(command));
  if (!verb.ends_with(".list")) {
    bench.log.info("audit", {{"action", verb}, {"object", object}, {"account", bench.by}});
  }
  co_return done;
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
  if (verb.starts_with("export.") || verb.starts_with("import.")) {
    co_return co_await run_carry_command(bench, std::move(command));
  }
  if (verb == "status") co_return co_await run_status_command(bench);
  const bool of_accounts = verb.starts_with("user.") || verb.starts_with("token.");
  if (!of_accounts) co_return co_await run_blob_command(bench, std::move(command));
  // Else what is stored might not be in force, and the login of who was removed still be good.
  co_return co_await uninterrupted(change_accounts(std::move(bench), std::move(command)));
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

/// What commands work on when no server runs: all there is of one but what speaks to others.
struct Orders::Bench {
  explicit Bench(const Config& config)
      : data_dir(open_data(config)),
        database({.file = data_dir.database()}, all_migrations(), log),
        store(bench_options(config, data_dir), disk, database, pool, workers.executor(0), clock,
              log),
        accounts(workers, database, {.generated_file = data_dir.admin_password()}, clock, log),
        access(workers, database, {}, clock),
        proofs(workers, database, clock),
        documents(workers, database, {}, clock),
        manifests(workers, database, documents, {}, clock, log),
        catalog(workers, database, manifests, {}, clock),
        imported(database),
        intake(std::make_shared<mirror::Intake>(mirror::Intake::Services{.workers = workers,
                                                                         .store = store,
                                                                         .access = access,
                                                                         .proofs = proofs,
                                                                         .catalog = catalog,
                                                                         .imported = imported})) {
    store.recover();
    workers.start();
  }
  ~Bench() {
    workers.stop();
    workers.join();
    data_dir.leave();
  }
  Bench(const Bench&) = delete;
  Bench& operator=(const Bench&) = delete;

  Json run(const Json& command) {
    const Workbench bench{.accounts = accounts,
                          .database = database,
                          .store = store,
                          .clock = clock,
                          .intake = *intake,
                          .log = log};
    return wait_for_command(workers.executor(0), run_command(bench, command), {});
  }

  store::DataDir data_dir;
  SystemClock clock;
  obs::Log log{{.level = obs::Level::kWarn}};
  store::PosixDisk disk;
  Workers workers{1};
  Pool pool{"disk", kDiskThreads};
  db::Database database;
  store::Store store;
  access::Accounts accounts;
  access::Access access;
  access::Proofs proofs;
  catalog::Documents documents;
  catalog::Manifests manifests;
  catalog::Catalog catalog;
  catalog::Imported imported;
  std::shared_ptr<mirror::Intake> intake;
};

Orders::Orders(const Workplace& at) : at_(at) {}
Orders::~Orders() = default;

std::optional<Json> ask_server(const Workplace& at, const Json& command,
                               const std::stop_token& stop) {
  if (at.server != nullptr) return at.server->give(command, stop);
  const auto socket = store::DataDir::control_socket_in(at.config.storage.data_dir);
  return command_server(socket, command, stop);
}

Json Orders::give(const Json& command) {
  if (bench_) return bench_->run(command);
  std::optional<Json> answer;
  try {
    answer = ask_server(at_, command);
  } catch (const Error& error) {
    if (!served_ || error.kind() != Error::Kind::kUnavailable) throw;
  }
  if (answer) {
    served_ = true;
    return *std::move(answer);
  }
  if (served_) {
    throw Error(Error::Kind::kCancelled, "the server does not answer any more: run this again");
  }
  bench_ = std::make_unique<Bench>(at_.config);
  return bench_->run(command);
}

Json order_command(const Workplace& at, const Json& command) { return Orders(at).give(command); }

void order_log_level(const Workplace& at, const std::string& level) {
  if (ask_server(at, {{"do", kLogLevel}, {"level", level}})) return;
  throw Error(Error::Kind::kNotFound, "no server runs on \"" + at.config.storage.data_dir +
                                          "\": set --data-dir, or [log] level for its next start");
}

}  // namespace hubcache::app
