#include "hubcache/app/fetch_arguments.h"

#include <chrono>
#include <fstream>
#include <future>
#include <iostream>
#include <memory>
#include <stop_token>
#include <utility>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "hubcache/app/commands.h"
#include "hubcache/app/fetch_run.h"
#include "hubcache/app/instance.h"
#include "hubcache/app/key_file.h"
#include "hubcache/app/progress.h"
#include "hubcache/base/error.h"

namespace hubcache::app {
namespace {

using Json = nlohmann::json;

constexpr std::chrono::milliseconds kLookForSignal{100};

/// A server without listeners, for this command alone.
struct Own {
  explicit Own(const Config& config) : instance(config, clock, log, disk) { instance.start({}); }

  SystemClock clock;
  obs::Log log{{.level = obs::Level::kError, .access_log = false}};
  store::PosixDisk disk;
  Instance instance;
};

/// Is there a server that answers? Throws kCancelled when a signal comes first.
bool is_served(const Workplace& at, const Json& greeting, Interrupts& interrupts) {
  std::stop_source signalled;
  auto answer = std::async(std::launch::async, [&] {
    return ask_server(at, greeting, signalled.get_token()).has_value();
  });
  while (answer.wait_for(kLookForSignal) != std::future_status::ready) {
    if (interrupts.wait(std::chrono::milliseconds(0))) signalled.request_stop();
  }
  return answer.get();
}

/// The running server, else one of this process.
Order orders_to(const Workplace& at, const std::string& distribution, Interrupts& interrupts) {
  if (at.server == nullptr) require_data(at.config);
  const Json greeting{
      {"do", "fetch.present"}, {"distribution", distribution}, {"digests", Json::array()}};
  if (is_served(at, greeting, interrupts)) {
    return [at](const Json& command, const std::stop_token& stop) {
      if (auto answer = ask_server(at, command, stop)) return *std::move(answer);
      throw Error(Error::Kind::kUnavailable, "the server has ended: start it again");
    };
  }
  require_key(at.config);
  auto own = std::make_shared<Own>(at.config);
  own->instance.order(greeting, {});
  return [own](const Json& command, const std::stop_token& stop) {
    return own->instance.order(command, stop);
  };
}

std::vector<FetchTarget> targets_in(const FetchArguments& arguments) {
  std::vector<FetchTarget> targets;
  targets.reserve(arguments.repos.size());
  for (const auto& repo : arguments.repos) targets.push_back(fetch_target(repo));
  if (arguments.list.empty()) return targets;
  std::ifstream file;
  if (arguments.list != "-") file.open(arguments.list);
  if (!file) throw Error(Error::Kind::kBadRequest, arguments.list + " cannot be read");
  auto more = fetch_list(arguments.list == "-" ? std::cin : file, arguments.list);
  targets.insert(targets.end(), more.begin(), more.end());
  return targets;
}

}  // namespace

void add_fetch_command(CLI::App& app, FetchArguments& arguments, Place& place) {
  auto* const command = app.add_subcommand(
      "fetch", "Have repositories stored, and pinned, before anybody asks for them");
  command->callback([&arguments] { arguments.asked = true; });
  command->add_option("repo", arguments.repos,
                      "org/name, datasets/org/name, org/name@REVISION; may be repeated");
  command->add_option("--from", arguments.list,
                      "File with one of them a line, and # comments; - is standard input");
  command
      ->add_option("--include", arguments.include,
                   "Only files that match this glob; may be repeated")
      ->allow_extra_args(false);
  command
      ->add_option("--exclude", arguments.exclude, "No files that match this glob; may be repeated")
      ->allow_extra_args(false);
  command
      ->add_option("--token", arguments.token,
                   "Hub token for gated and private repositories, where the remote has none")
      ->envname("HF_TOKEN");
  command->add_option("--distribution", arguments.distribution,
                      "Its base path, if it is not the root distribution");
  command->add_option("-j,--jobs", arguments.jobs, "Files at once")
      ->check(CLI::Range(1, 64))
      ->capture_default_str();
  command->add_flag("-n,--dry-run", arguments.dry_run, "Only say what would be fetched");
  command->add_flag("--no-pin", arguments.no_pin, "Leave what is fetched to eviction");
  command->add_flag("--json", arguments.json, "One JSON object a line");
  command->add_flag("-q,--quiet", arguments.quiet, "Only say what failed");
  add_place(*command, place);
  command->footer(
      "Example: hubcache fetch org/model datasets/org/data@v1 --include \"*.safetensors\" "
      "--dry-run\n"
      "Exit codes: 0 all is there, 1 something failed, 2 usage, 3 the Hub refuses it or has no "
      "such\n"
      "thing, 4 the hub or the server does not answer, 130 interrupted. Run again, it goes on "
      "from\n"
      "where it was.");
}

int run_fetch_arguments(const Workplace& at, const FetchArguments& arguments) {
  auto targets = targets_in(arguments);
  if (targets.empty()) {
    throw Error(Error::Kind::kBadRequest, "no repository is named: hubcache fetch org/name");
  }
  FileFilter filter(arguments.include, arguments.exclude);
  Interrupts interrupts;  // before any thread
  Order order;
  try {
    order = orders_to(at, arguments.distribution, interrupts);
  } catch (const Error& error) {
    const bool cancelled = error.kind() == Error::Kind::kCancelled;
    if (!cancelled && error.kind() != Error::Kind::kUnavailable) throw;
    std::cerr << "hubcache: " << printable(error.what()) << "\n";
    return cancelled ? kInterrupted : kUnreachable;
  }
  const auto report = arguments.json ? json_report() : text_report(arguments.quiet);
  FetchRun run(std::move(order),
               {.distribution = arguments.distribution,
                .token = arguments.token,
                .jobs = arguments.jobs,
                .pin = !arguments.no_pin,
                .dry_run = arguments.dry_run},
               std::move(targets), std::move(filter), *report);
  return run.run(interrupts);
}

}  // namespace hubcache::app
