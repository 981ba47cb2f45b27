#include "hubcache/app/command_line.h"

#include <iostream>
#include <utility>

#include <CLI/CLI.hpp>

#include "hubcache/app/account_arguments.h"
#include "hubcache/app/blob_arguments.h"
#include "hubcache/app/carry_arguments.h"
#include "hubcache/app/commands.h"
#include "hubcache/app/config.h"
#include "hubcache/app/fetch_arguments.h"
#include "hubcache/app/place.h"
#include "hubcache/app/progress.h"
#include "hubcache/app/rotate_key.h"
#include "hubcache/app/serve.h"
#include "hubcache/app/server_at.h"
#include "hubcache/app/status_arguments.h"
#include "hubcache/base/error.h"
#include "hubcache/base/version.h"
#include "hubcache/db/damage.h"

namespace hubcache::app {
namespace {

constexpr int kUsageError = 2;
constexpr std::string_view kClientExample =
    "Then:    HF_ENDPOINT=http://HOST:8080/pulp/content/hf hf download gpt2 config.json";

/// Flags of `serve` that set a key of the configuration.
struct Flags {
  std::string config;
  std::vector<std::string> listen;
  std::vector<std::pair<std::string, std::string>> keys;

  void add(CLI::App& command, const std::string& name, const std::string& key,
           const std::string& help) {
    auto remember = [this, key](const std::string& value) { keys.emplace_back(key, value); };
    command.add_option_function<std::string>(name, remember, help);
  }

  /// What was said about the data directory.
  void take(const Place& place) {
    if (!place.config.empty()) config = place.config;
    if (!place.data_dir.empty()) keys.emplace_back("storage.data_dir", place.data_dir);
  }

  std::vector<std::pair<std::string, std::string>> all() const {
    auto everything = keys;
    std::string addresses;
    for (const auto& address : listen) addresses += (addresses.empty() ? "" : ",") + address;
    if (!listen.empty()) everything.emplace_back("server.listen", addresses);
    return everything;
  }
};

void add_flags(CLI::App& command, Flags& flags) {
  command.add_option("--config", flags.config, "Configuration file (TOML)");
  flags.add(command, "--data-dir", "storage.data_dir", "Where everything is kept");
  command.add_option("--listen", flags.listen, "ADDR:PORT to serve on; may be repeated");
  flags.add(command, "--upstream", "upstream.url", "The hub of the remote `huggingface`");
  flags.add(command, "--log-level", "log.level", "debug, info, warn, error or off");
  flags.add(command, "--log-format", "log.format", "text or json");
  flags.add(command, "--shutdown-timeout", "server.shutdown_timeout", "Like \"30 s\"");
}

}  // namespace

int run_command_line(int argc, const char* const* argv,
                     const std::vector<std::string>& environment) {
  CLI::App app("hubcache: a pull-through cache for the Hugging Face Hub", "hubcache");
  app.require_subcommand(1);
  app.footer("Example: hubcache serve\n" + std::string(kClientExample));
  bool check_only = false;
  // For tests of what the documentation says; not shown.
  app.add_flag("--check-arguments", check_only)->group("");
  Flags flags;
  Place place;
  auto* serve_command = app.add_subcommand("serve", "Serve until SIGTERM");
  serve_command->footer("Example: hubcache serve --listen 0.0.0.0:8080 --data-dir /srv/hubcache\n" +
                        std::string(kClientExample));
  add_flags(*serve_command, flags);
  auto* config_command =
      app.add_subcommand("config", "Print the configuration and where each value came from");
  config_command->footer("Example: hubcache config --config /etc/hubcache/hubcache.toml");
  add_flags(*config_command, flags);
  bool sample = false;
  bool reference = false;
  config_command->add_flag("--sample", sample, "Print a file of all keys and defaults instead");
  config_command->add_flag("--reference", reference, "Print the page that documents all keys");
  auto* rotate_command = config_command->add_subcommand(
      "rotate-key", "Seal all stored secrets with a new key, without a server");
  rotate_command->footer("Example: hubcache config rotate-key --data-dir /srv/hubcache");
  add_data_dir(*rotate_command, place);
  flags.add(*rotate_command, "--key-file", "storage.key_file", "The file with the key");
  AccountArguments accounts;
  add_account_commands(app, accounts, place);
  FetchArguments fetch;
  add_fetch_command(app, fetch, place);
  BlobArguments blobs;
  add_blob_commands(app, blobs, place);
  CarryArguments carry;
  add_carry_commands(app, carry, place);
  std::string level;
  auto* level_command =
      app.add_subcommand("log-level", "Have the running server log more, or less, until SIGHUP");
  level_command->add_option("level", level, "debug, info, warn, error or off")->required();
  level_command->footer("Example: hubcache log-level debug --data-dir /var/lib/hubcache");
  add_place(*level_command, place);
  StatusArguments status;
  add_status_command(app, status, place);
  auto* version_command = app.add_subcommand("version", "Print the version");
  version_command->footer("Example: hubcache version");

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& failure) {
    return app.exit(failure) == 0 ? 0 : kUsageError;
  }
  if (check_only) return 0;
  if (version_command->parsed()) {
    std::cout << "hubcache " << version() << "\n";
    return 0;
  }
  try {
    if (sample || reference) {
      std::cout << (sample ? sample_config() : reference_page());
      return 0;
    }
    flags.take(place);
    if (flags.config.empty()) flags.config = usual_config_file(environment);
    const auto load = [&] { return load_config(flags.config, environment, flags.all()); };
    const auto server = server_of(place, environment);
    auto config = server ? Config() : load();
    const Workplace at{.config = config, .server = server.get()};
    if (rotate_command->parsed()) {
      std::cout << rotate_key(config) << " secrets sealed with a new key\n";
      return 0;
    }
    if (config_command->parsed()) {
      std::cout << print_config(config);
      return 0;
    }
    if (level_command->parsed()) {
      order_log_level(at, level);
      return 0;
    }
    if (accounts.verb) return run_account_arguments(at, accounts);
    if (blobs.verb) return run_blob_arguments(at, blobs);
    if (fetch.asked) return run_fetch_arguments(at, fetch);
    if (carry.verb) return run_carry_arguments(at, carry);
    if (status.asked) return run_status_arguments(at, status);
    return serve(std::move(config), load);
  } catch (const Error& error) {
    std::cerr << "hubcache: " << printable(error.what());
    if (!error.context().empty()) std::cerr << " (" << printable(error.context()) << ")";
    std::cerr << "\n";
    if (db::is_damage(error)) {
      std::cerr << "hubcache: `hubcache rebuild` makes the database anew and keeps all blobs\n";
    }
    return error.kind() == Error::Kind::kBadRequest ? kUsageError : 1;
  }
}

}  // namespace hubcache::app
