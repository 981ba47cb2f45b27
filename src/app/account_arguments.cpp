#include "hubcache/app/account_arguments.h"

#include <chrono>
#include <iomanip>
#include <iostream>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>
#include <termios.h>
#include <unistd.h>

#include "hubcache/access/password.h"
#include "hubcache/app/commands.h"
#include "hubcache/base/error.h"
#include "hubcache/base/units.h"

#include "dates.h"

namespace hubcache::app {
namespace {

using Json = nlohmann::json;

/// A terminal that shows nothing of what is typed.
class Silence {
 public:
  Silence() {
    ::tcgetattr(STDIN_FILENO, &before_);
    auto silent = before_;
    silent.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent);
  }
  ~Silence() {
    ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &before_);
    std::cerr << "\n";
  }
  Silence(const Silence&) = delete;
  Silence& operator=(const Silence&) = delete;

 private:
  termios before_{};
};

std::string read_line() {
  std::string line;
  std::getline(std::cin, line);
  return line;
}

std::string ask(const char* prompt) {
  std::cerr << prompt << std::flush;
  const Silence silence;
  return read_line();
}

std::string new_password() {
  if (::isatty(STDIN_FILENO) != 1) return read_line();
  auto password = ask("New password: ");
  if (ask("Again: ") == password) return password;
  throw Error(Error::Kind::kBadRequest, "the two passwords differ");
}

void print_users(const Json& users) {
  std::cout << std::left << std::setw(12) << "ROLE" << std::setw(kDateWidth) << "CREATED"
            << "NAME\n";
  for (const auto& user : users) {
    std::cout << std::setw(12) << user.at("role").get<std::string>() << std::setw(kDateWidth)
              << date_of(user.at("created")) << user.at("name").get<std::string>() << "\n";
  }
}

void print_tokens(const Json& tokens) {
  std::cout << std::left << std::setw(kDateWidth) << "CREATED" << std::setw(kDateWidth) << "EXPIRES"
            << "NAME (ACCOUNT)\n";
  for (const auto& token : tokens) {
    std::cout << std::setw(kDateWidth) << date_of(token.at("created")) << std::setw(kDateWidth)
              << date_of(token.at("expires")) << token.at("name").get<std::string>() << " ("
              << token.at("account").get<std::string>() << ")\n";
  }
}

std::int64_t lifetime_of(const std::string& text) {
  const auto lifetime = parse_duration(text);
  if (lifetime && lifetime->count() > 0) return lifetime->count();
  throw Error(Error::Kind::kBadRequest,
              '"' + text + R"(" is no time: allowed is like "12 h" or "30 d")");
}

}  // namespace

void add_account_commands(CLI::App& app, AccountArguments& arguments, Place& place) {
  auto* const user = app.add_subcommand("user", "Accounts: who may administer and download");
  auto* const token = app.add_subcommand("token", "Access tokens: passwords for programs");
  for (auto* const group : {user, token}) group->require_subcommand(1);
  user->footer("Example: hubcache user add ci --generate");
  token->footer("Example: hubcache token list");
  const auto add = [&](CLI::App* group, const std::string& verb, const std::string& help) {
    auto* const command = group->add_subcommand(verb, help);
    add_place(*command, place);
    const auto whole = group->get_name() + "." + verb;
    command->callback([&arguments, whole] { arguments.verb = whole; });
    return command;
  };
  const auto named = [&](CLI::App* command) {
    command->add_option("name", arguments.name, "Its name")->required();
    return command;
  };
  const auto list = [&](CLI::App* group, const std::string& help) {
    auto* const command = add(group, "list", help);
    command->add_flag("--json", arguments.json, "One JSON object a line");
    command->footer("Example: hubcache " + group->get_name() + " list --json");
  };
  constexpr const char* kGenerate = "Make a password and print it, in place of reading one";

  auto* const add_user = named(add(user, "add", "Add an account; its password is read"));
  add_user->add_option("--role", arguments.role, "admin or downloader (if not said)");
  add_user->add_flag("--generate", arguments.generate, kGenerate);
  add_user->footer("Example: hubcache user add ci --generate");
  list(user, "List all accounts");
  auto* const passwd = named(add(user, "passwd", "Change a password; the new one is read"));
  passwd->add_flag("--generate", arguments.generate, kGenerate);
  passwd->footer("Example: hubcache user passwd admin");
  named(add(user, "remove", "Remove an account and its tokens"))
      ->footer("Example: hubcache user remove ci");

  auto* const create = named(add(token, "create", "Make a token and print it, this once"));
  create->add_option("--account", arguments.account, "Whom it stands for")->required();
  create->add_option("--expires", arguments.expires, "After which time, like \"30 d\"");
  create->footer(
      "Example: HF_TOKEN=$(hubcache token create build-1 --account ci --expires \"30 d\")");
  list(token, "List all tokens, without themselves");
  named(add(token, "revoke", "Revoke a token, at once"))
      ->footer("Example: hubcache token revoke build-1");
}

int run_account_arguments(const Workplace& at, const AccountArguments& arguments) {
  const auto& verb = *arguments.verb;
  Json command{{"do", verb}, {"name", arguments.name}};
  if (verb == "user.add") command["role"] = arguments.role;
  if (verb == "user.add" || verb == "user.passwd") {
    command["password"] = arguments.generate ? access::generate_password() : new_password();
  }
  if (verb == "token.create") command["account"] = arguments.account;
  if (!arguments.expires.empty()) command["lifetime_ms"] = lifetime_of(arguments.expires);

  const auto result = order_command(at, command);
  for (const auto* const list : {"users", "tokens"}) {
    if (!arguments.json || !result.contains(list)) continue;
    for (const auto& item : result.at(list)) std::cout << item.dump() << "\n";
    return 0;
  }
  if (result.contains("users")) print_users(result.at("users"));
  if (result.contains("tokens")) print_tokens(result.at("tokens"));
  if (result.contains("token")) std::cout << result.at("token").get<std::string>() << "\n";
  if (arguments.generate) std::cout << command.at("password").get<std::string>() << "\n";
  return 0;
}

}  // namespace hubcache::app
