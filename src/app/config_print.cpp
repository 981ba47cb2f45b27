// What `hubcache config` prints.
#include "hubcache/app/config.h"

namespace hubcache::app {
namespace {

std::string quoted(std::string_view text) {
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f) {
      out += "\\u00";
      out += {kHex[byte >> 4U], kHex[byte & 0xfU]};
      continue;
    }
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + '"';
}

std::string as_toml(const Key& key, std::string_view value) {
  if (key.type == Key::Type::kNumber || key.type == Key::Type::kBool) return std::string(value);
  if (key.type != Key::Type::kList) return quoted(value);
  std::string list = "[";
  while (!value.empty()) {
    const auto comma = value.find(',');
    if (list.size() > 1) list += ", ";
    list += quoted(value.substr(0, comma));
    value.remove_prefix(comma == std::string_view::npos ? value.size() : comma + 1);
  }
  return list + "]";
}

std::string help_of(const Key& key, std::string_view mark) {
  std::string help(key.help);
  for (std::size_t i = 0; i < key.choices.size(); ++i) {
    (help += i == 0 ? " One of: " : ", ").append(mark).append(key.choices[i]).append(mark);
  }
  if (!key.choices.empty()) help += ".";
  if (key.reloadable) help += " SIGHUP reloads it.";
  return help;
}

std::string_view type_name(Key::Type type) {
  switch (type) {
    case Key::Type::kText:
      return "text";
    case Key::Type::kList:
      return "list of texts";
    case Key::Type::kNumber:
      return "whole number";
    case Key::Type::kSize:
      return "size";
    case Key::Type::kSizeOrShare:
      return "size or share";
    case Key::Type::kDuration:
      return "time";
    case Key::Type::kBool:
      return "true or false";
    case Key::Type::kChoice:
      return "choice";
  }
  return {};
}

/// Runs `head(section)` where a section begins and `line(key, name)` for each key.
template <typename Head, typename Line>
std::string in_sections(Head head, Line line) {
  std::string out;
  std::string_view section;
  for (const auto& key : keys()) {
    const auto dot = key.name.find('.');
    if (key.name.substr(0, dot) != section) {
      section = key.name.substr(0, dot);
      out += (out.empty() ? "" : "\n") + head(section);
    }
    out += line(key, key.name.substr(dot + 1));
  }
  return out;
}

std::string rule_as_toml(const Config::Values& values) {
  std::string table = "\n[[rules]]\n";
  for (const auto& key : rule_keys()) {
    const auto value = values.find(key.name);
    if (value == values.end()) continue;
    table += std::string(key.name) + " = " + as_toml(key, value->second) +
             "  # file, reloaded by SIGHUP\n";
  }
  return table;
}

std::string sample_rule() {
  std::string text =
      "\n# What may not be read, whoever asks: one table for each rule, all in force. This is an "
      "example.\n# docs/operations.md says what they do. SIGHUP reloads them.\n#[[rules]]\n";
  for (const auto& key : rule_keys()) {
    text += "# " + std::string(key.help) + "\n#" + std::string(key.name) + " = " +
            as_toml(key, key.fallback) + "\n";
  }
  return text;
}

std::string rule_reference() {
  std::string text = R"(
## [[rules]]

Each such table is a rule on what may not be read, whoever asks; [operations](operations.md#rules)
says what they do. Only the file can have them. SIGHUP reloads them.

| key | type | example | meaning |
|---|---|---|---|
)";
  for (const auto& key : rule_keys()) {
    text += "| `" + std::string(key.name) + "` | " + std::string(type_name(key.type)) + " | `" +
            as_toml(key, key.fallback) + "` | " + std::string(key.help) + " |\n";
  }
  return text;
}

std::string toml_section(std::string_view section) { return "[" + std::string(section) + "]\n"; }

}  // namespace

std::string print_config(const Config& config) {
  auto out = in_sections(toml_section, [&config](const Key& key, std::string_view name) {
    const auto origin = config.origins.find(key.name);
    const auto value = config.values.find(key.name);
    std::string_view text = value == config.values.end() ? key.fallback : value->second;
    if (key.name == "storage.data_dir") text = config.storage.data_dir;
    auto line = std::string(name) + " = " + as_toml(key, text) + "  # ";
    line += origin == config.origins.end() ? "default" : origin->second;
    return line + (key.reloadable ? ", reloaded by SIGHUP\n" : "\n");
  });
  for (const auto& values : config.rule_values) out += rule_as_toml(values);
  if (!config.admin_password.empty()) out += "\n# The password of the account admin: (set)\n";
  return out;
}

std::string sample_config() {
  const std::string head =
      "# The configuration of hubcache. Every key stands here with its default. An environment\n"
      "# variable HUBCACHE_SECTION_KEY goes before the file, a flag of `hubcache serve` before "
      "both.\n"
      "# `hubcache config` prints what is in force, and why. Changes wait for the next start\n"
      "# unless a key says otherwise.\n\n";
  return head +
         in_sections(toml_section,
                     [](const Key& key, std::string_view name) {
                       return "# " + help_of(key, "") + "\n#" + std::string(name) + " = " +
                              as_toml(key, key.fallback) + "\n";
                     }) +
         sample_rule();
}

std::string reference_page() {
  const std::string head = R"(# Configuration

`hubcache serve` needs none. What is set is read from three places, and the last one wins:

1. a TOML file: `--config FILE`, or of a service `/etc/hubcache/hubcache.toml`, if it is there;
2. the environment: `HUBCACHE_SERVER_LISTEN` is `listen` in `[server]`; lists are separated by commas;
3. flags of `hubcache serve` (see `hubcache serve --help`).

`hubcache config` takes the same flags and prints every value with its origin, as a file that can be
read again. An unknown key, section or `HUBCACHE_` variable and a value of the wrong type or unit
are refused at start, with file and line and what is allowed. Changes wait for the next start unless
a key says otherwise.

- A **size** is a number with B, kB, MB, GB, TB (powers of 1000), KiB, MiB, GiB or TiB: `"500 GiB"`.
- A **time** is a number with ms, s, min, h or d: `"10 min"`.
- The **administrator's password** is no key: it comes from `HUBCACHE_ADMIN_PASSWORD` or the systemd
  credential `hubcache.admin-password` at each start, else it is generated at the first one.

)";
  const auto section_head = [](std::string_view section) {
    return "## [" + std::string(section) +
           "]\n\n| key | type | default | meaning |\n|---|---|---|---|\n";
  };
  return head +
         in_sections(section_head,
                     [](const Key& key, std::string_view name) {
                       return "| `" + std::string(name) + "` | " +
                              std::string(type_name(key.type)) + " | `" +
                              as_toml(key, key.fallback) + "` | " + help_of(key, "`") + " |\n";
                     }) +
         rule_reference();
}

}  // namespace hubcache::app
