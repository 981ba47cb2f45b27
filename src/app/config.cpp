#include "hubcache/app/config.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>

// What toml++ 3.3 asserts is not so for every wrong file ("[1, }a = 2]"); its errors say what is.
#define TOML_ASSERT(expr) static_cast<void>(0)  // NOLINT(cppcoreguidelines-macro-usage)
#include <toml++/toml.h>

#include "hubcache/base/error.h"
#include "hubcache/base/units.h"

#include "environment.h"

namespace hubcache::app {
namespace {

constexpr std::string_view kEnvironmentPrefix = "HUBCACHE_";
constexpr std::string_view kPasswordVariable = "HUBCACHE_ADMIN_PASSWORD";
// Of commands that are sent to a server, not of one (place.h).
constexpr std::array<std::string_view, 2> kOfCommands{"HUBCACHE_SERVER", "HUBCACHE_LOGIN"};
constexpr std::string_view kPasswordCredential = "hubcache.admin-password";
constexpr std::string_view kKeyCredential = "hubcache.secrets-key";

[[noreturn]] void refuse(const std::string& where, const std::string& why) {
  throw Error(Error::Kind::kBadRequest, where + ": " + why);
}

std::string joined(const std::vector<std::string_view>& words, std::string_view between) {
  std::string text;
  for (const auto& word : words) {
    if (!text.empty()) text += between;
    text += word;
  }
  return text;
}

/// What is wrong with a value, or nothing.
std::optional<std::string> complaint(const Key& key, std::string_view value) {
  const std::string quoted = '"' + std::string(value) + '"';
  switch (key.type) {
    case Key::Type::kText:
    case Key::Type::kList:
      return std::nullopt;
    case Key::Type::kNumber: {
      std::size_t number = 0;
      const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
      if (error == std::errc() && end == value.data() + value.size()) return std::nullopt;
      return quoted + " is no number: allowed is a whole number, 0 or more";
    }
    case Key::Type::kSize:
      if (parse_size(value)) return std::nullopt;
      return quoted + R"( is no size: allowed is a number with B, kB, MB, GB, TB, KiB, MiB, GiB )" +
             R"(or TiB, like "500 GiB")";
    case Key::Type::kSizeOrShare:
      if (parse_size_or_share(value)) return std::nullopt;
      return quoted + R"( is neither a size nor a share: allowed are sizes like "500 GiB", )" +
             R"(and "1 %" to "100 %")";
    case Key::Type::kDuration:
      if (parse_duration(value)) return std::nullopt;
      return quoted + R"( is no time: allowed is a number with ms, s, min, h or d, like "10 min")";
    case Key::Type::kBool:
      if (value == "true" || value == "false") return std::nullopt;
      return quoted + " is neither true nor false";
    case Key::Type::kChoice:
      if (std::ranges::find(key.choices, value) != key.choices.end()) return std::nullopt;
      return quoted + " is not allowed: allowed is " + joined(key.choices, ", ");
  }
  return std::nullopt;
}

void set(Config& config, const Key& key, std::string_view value, const std::string& where) {
  auto wrong = complaint(key, value);
  if (!wrong && key.check) wrong = key.check(value);
  if (wrong) refuse(where, *wrong);
  key.set(config, value);
}

void apply(Config& config, const Key& key, std::string_view value, const std::string& where,
           std::string_view origin) {
  set(config, key, value, where);
  config.values.insert_or_assign(std::string(key.name), std::string(value));
  config.origins.insert_or_assign(std::string(key.name), std::string(origin));
}

const Key* find_key(std::string_view name) {
  const auto all = keys();
  const auto found = std::ranges::find(all, name, &Key::name);
  return found == all.end() ? nullptr : &*found;
}

std::string allowed_in(std::string_view section) {
  std::vector<std::string_view> names;
  for (const auto& key : keys()) {
    if (key.name.starts_with(section) && key.name.substr(section.size()).starts_with('.')) {
      names.push_back(key.name.substr(section.size() + 1));
    }
  }
  return joined(names, ", ");
}

std::string allowed_sections() {
  std::vector<std::string_view> names;
  for (const auto& key : keys()) {
    const auto section = key.name.substr(0, key.name.find('.'));
    if (names.empty() || names.back() != section) names.push_back(section);
  }
  return joined(names, ", ");
}

std::string allowed_in_rules() {
  std::vector<std::string_view> names;
  for (const auto& key : rule_keys()) names.push_back(key.name);
  return joined(names, ", ");
}

/// A TOML value as the text that environment and flags would give.
std::string text_of(const toml::node& node, const Key& key, const std::string& where) {
  if (key.type == Key::Type::kList) {
    const auto* list = node.as_array();
    if (list == nullptr) refuse(where, R"(a list is allowed, like ["a", "b"])");
    std::string text;
    for (const auto& item : *list) {
      const auto word = item.value_exact<std::string>();
      if (!word || word->find(',') != std::string::npos) {
        refuse(where, "a list of strings without commas is allowed");
      }
      if (!text.empty()) text += ',';
      text += *word;
    }
    return text;
  }
  if (key.type == Key::Type::kBool) {
    const auto value = node.value_exact<bool>();
    if (!value) refuse(where, "true or false is allowed, without quotes");
    return *value ? "true" : "false";
  }
  if (key.type == Key::Type::kNumber) {
    const auto value = node.value_exact<std::int64_t>();
    if (!value) refuse(where, "a whole number is allowed, without quotes");
    return std::to_string(*value);
  }
  const auto value = node.value_exact<std::string>();
  if (!value) {
    refuse(where, "a string in quotes is allowed, like \"" + std::string(key.fallback) + '"');
  }
  return *value;
}

std::string place_of(const std::string& path, const toml::node& at) {
  return path + ":" + std::to_string(at.source().begin.line);
}

void read_rule(Config& config, const std::string& path, const toml::table& rule) {
  config.rules.emplace_back();
  auto& values = config.rule_values.emplace_back();
  for (const auto& [name, value] : rule) {
    const auto where = place_of(path, value) + ": rules." + std::string(name.str());
    const auto all = rule_keys();
    const auto key = std::ranges::find(all, name.str(), &Key::name);
    if (key == all.end()) {
      refuse(where, "no such key: a rule may have " + allowed_in_rules());
    }
    const auto text = text_of(value, *key, where);
    set(config, *key, text, where);
    values.emplace(name.str(), text);
  }
  const auto& read = config.rules.back();
  const bool is_first = std::ranges::count(config.rules, read.name, &registry::Rule::name) == 1;
  if (read.name.empty() || !is_first) {
    refuse(place_of(path, rule) + ": rules.name",
           "each rule needs a name of its own: refusals tell it");
  }
  const bool says_nothing = read.allow_repos.empty() && read.deny_repos.empty() &&
                            read.allow_files.empty() && read.deny_files.empty() &&
                            read.max_file_size == 0;
  if (says_nothing) {
    refuse(place_of(path, rule) + ": rules",
           "the rule \"" + read.name + "\" neither allows nor denies anything");
  }
}

void read_rules(Config& config, const std::string& path, const toml::node& node) {
  const auto* list = node.as_array();
  if (list == nullptr || !list->is_homogeneous<toml::table>()) {
    refuse(place_of(path, node), "rules are tables, each with [[rules]] above it");
  }
  for (const auto& item : *list) read_rule(config, path, *item.as_table());
}

void read_file(Config& config, const std::string& path) {
  toml::table file;
  try {
    file = toml::parse_file(path);
  } catch (const toml::parse_error& failure) {
    const auto line = failure.source().begin.line;
    refuse(path + (line != 0 ? ":" + std::to_string(line) : std::string()),
           std::string(failure.description()));
  }
  for (const auto& [section, node] : file) {
    if (section.str() == "rules") {
      read_rules(config, path, node);
      continue;
    }
    const auto place = [&path](const toml::node& at) { return place_of(path, at); };
    const auto* entries = node.as_table();
    if (entries == nullptr) {
      refuse(place(node), "unknown key " + std::string(section.str()) +
                              ": keys stand in sections, which are " + allowed_sections());
    }
    if (allowed_in(section.str()).empty()) {
      refuse(place(node), "unknown section [" + std::string(section.str()) + "]: allowed are " +
                              allowed_sections());
    }
    for (const auto& [name, value] : *entries) {
      const std::string full = std::string(section.str()) + "." + std::string(name.str());
      const auto* key = find_key(full);
      if (key == nullptr) {
        refuse(place(value), "unknown key " + full + ": [" + std::string(section.str()) +
                                 "] may have " + allowed_in(section.str()));
      }
      const std::string where = place(value) + ": " + full;
      apply(config, *key, text_of(value, *key, where), where, "file");
    }
  }
}

/// Of a service its StateDirectory, else where the XDG base directory specification says.
std::string usual_data_dir(const std::vector<std::string>& environment) {
  if (const auto state = value_of(environment, "STATE_DIRECTORY"); !state.empty()) {
    return state.substr(0, state.find(':'));
  }
  if (const auto home = value_of(environment, "XDG_DATA_HOME"); home.starts_with('/')) {
    return home + "/hubcache";
  }
  const auto home = value_of(environment, "HOME");
  return home.empty() ? home : home + "/.local/share/hubcache";
}

/// The file of a LoadCredential= of a service (systemd.exec(5)).
std::filesystem::path credential(const std::vector<std::string>& environment,
                                 std::string_view name) {
  const auto folder = value_of(environment, "CREDENTIALS_DIRECTORY");
  return folder.empty() ? std::filesystem::path() : std::filesystem::path(folder) / name;
}

/// "" when there is none, and when it is blank, as the unit's default is.
std::string text_in(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::string text{std::istreambuf_iterator<char>(file), {}};
  while (text.ends_with('\n')) text.pop_back();
  return text;
}

void read_environment(Config& config, const std::vector<std::string>& environment) {
  for (const std::string_view variable : environment) {
    if (!variable.starts_with(kEnvironmentPrefix)) continue;
    const auto equals = variable.find('=');
    if (equals == std::string_view::npos) continue;
    const auto name = variable.substr(0, equals);
    const auto value = variable.substr(equals + 1);
    if (name == kPasswordVariable) {
      config.admin_password = std::string(value);
      continue;
    }
    if (std::ranges::find(kOfCommands, name) != kOfCommands.end()) continue;
    const auto all = keys();
    const auto key = std::ranges::find_if(
        all, [name](const Key& candidate) { return environment_name(candidate.name) == name; });
    if (key == all.end()) {
      refuse(std::string(name),
             "no such setting; `hubcache config --reference` lists all there are");
    }
    apply(config, *key, value, std::string(name), "environment");
  }
}

}  // namespace

std::string environment_name(std::string_view key) {
  std::string name(kEnvironmentPrefix);
  for (const char c : key) {
    const char upper = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    name += c == '.' ? '_' : upper;
  }
  return name;
}

std::string usual_config_file(const std::vector<std::string>& environment) {
  const auto folders = value_of(environment, "CONFIGURATION_DIRECTORY");
  if (folders.empty()) return {};
  const auto file = std::filesystem::path(folders.substr(0, folders.find(':'))) / "hubcache.toml";
  std::error_code unreadable;
  return std::filesystem::exists(file, unreadable) ? file.string() : std::string();
}

/// What no key alone can tell.
void require_consistent(const Config::Server& server) {
  if (server.listen.empty() && server.tls_listen.empty()) {
    refuse("server.listen",
           "an empty list, as is server.tls_listen: at least one address is needed");
  }
  if (server.tls_certificate.empty() != server.tls_key.empty() ||
      (!server.tls_listen.empty() && server.tls_key.empty())) {
    refuse("server.tls_listen",
           "needs both server.tls_certificate and server.tls_key, the names of PEM files");
  }
}

Config load_config(const std::string& path, const std::vector<std::string>& environment,
                   const std::vector<std::pair<std::string, std::string>>& flags) {
  Config config;
  if (!path.empty()) read_file(config, path);
  config.admin_password = text_in(credential(environment, kPasswordCredential));
  read_environment(config, environment);
  for (const auto& [name, value] : flags) {
    const auto* key = find_key(name);
    if (key == nullptr) refuse(name, "no such setting");
    apply(config, *key, value, name + " (flag)", "flag");
  }
  if (config.storage.data_dir.empty()) config.storage.data_dir = usual_data_dir(environment);
  if (config.storage.key_file.empty()) {
    const auto key = credential(environment, kKeyCredential);
    if (!text_in(key).empty()) config.storage.key_file = key.string();
  }
  require_consistent(config.server);
  config.upstream.proxies = http::Proxies(environment);
  return config;
}

}  // namespace hubcache::app
