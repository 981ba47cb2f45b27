#include "hubcache/access/jq_path.h"

#include <cctype>
#include <charconv>

#include <nlohmann/json.hpp>

namespace hubcache::access {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kDeepestPath = 64;  // steps of a filter, and levels of a document

void skip_spaces(std::string_view& text) {
  while (text.starts_with(' ')) text.remove_prefix(1);
}

/// Takes a string in double quotes, with JSON's escapes.
std::optional<std::string> take_string(std::string_view& text) {
  std::size_t end = 1;
  while (end < text.size() && text[end] != '"') end += text[end] == '\\' ? 2 : 1;
  if (end >= text.size()) return std::nullopt;
  const auto value = Json::parse(text.substr(0, end + 1), nullptr, false);
  text.remove_prefix(end + 1);
  if (!value.is_string()) return std::nullopt;
  return value.get<std::string>();
}

std::optional<std::string> take_name(std::string_view& text) {
  const auto is_part = [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_';
  };
  std::size_t end = 0;
  while (end < text.size() && is_part(text[end])) ++end;
  if (end == 0 || std::isdigit(static_cast<unsigned char>(text.front())) != 0) return std::nullopt;
  std::string name(text.substr(0, end));
  text.remove_prefix(end);
  return name;
}

std::optional<long> take_index(std::string_view& text) {
  long index = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), index);
  if (error != std::errc()) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return index;
}

/// Json::parse() has no limit of its own.
bool is_flat_enough(std::string_view json) {
  std::size_t depth = 0;
  for (const char c : json) {
    if ((c == '{' || c == '[') && ++depth > kDeepestPath) return false;
    if ((c == '}' || c == ']') && depth > 0) --depth;
  }
  return true;
}

const Json* step_into(const Json& value, const std::string& key) {
  const auto found = value.is_object() ? value.find(key) : value.end();
  return value.is_object() && found != value.end() ? &*found : nullptr;
}

const Json* step_into(const Json& value, long index) {
  if (!value.is_array()) return nullptr;
  const auto size = static_cast<long>(value.size());
  const auto at = index < 0 ? size + index : index;
  return at >= 0 && at < size ? &value[static_cast<std::size_t>(at)] : nullptr;
}

}  // namespace

std::optional<JqPath> JqPath::parse(std::string_view filter) {
  JqPath path;
  skip_spaces(filter);
  bool fresh = true;  // at the beginning, or behind a '|'
  while (!filter.empty()) {
    if (path.steps_.size() > kDeepestPath) return std::nullopt;
    if (!fresh && filter.front() == '|') {
      filter.remove_prefix(1);
      skip_spaces(filter);
      fresh = true;
      if (filter.empty()) return std::nullopt;
      continue;
    }
    const bool has_dot = filter.front() == '.';
    if (has_dot) filter.remove_prefix(1);
    if (filter.starts_with('[') && (has_dot || !fresh)) {
      filter.remove_prefix(1);
      if (filter.starts_with('"')) {
        auto key = take_string(filter);
        if (!key) return std::nullopt;
        path.steps_.emplace_back(std::move(*key));
      } else {
        const auto index = take_index(filter);
        if (!index) return std::nullopt;
        path.steps_.emplace_back(*index);
      }
      if (!filter.starts_with(']')) return std::nullopt;
      filter.remove_prefix(1);
    } else if (has_dot) {
      auto key = filter.starts_with('"') ? take_string(filter) : take_name(filter);
      const bool is_identity = !key && fresh && (filter.empty() || filter.front() == ' ');
      if (!key && !is_identity) return std::nullopt;
      if (key) path.steps_.emplace_back(std::move(*key));
    } else {
      return std::nullopt;
    }
    if (filter.starts_with('?')) filter.remove_prefix(1);
    skip_spaces(filter);
    fresh = false;
  }
  return fresh ? std::nullopt : std::optional(std::move(path));
}

std::optional<std::string> JqPath::text_in(std::string_view json) const {
  if (!is_flat_enough(json)) return std::nullopt;
  const auto document = Json::parse(json, nullptr, false);
  const Json* value = document.is_discarded() ? nullptr : &document;
  for (const auto& step : steps_) {
    if (value == nullptr) return std::nullopt;
    value = std::visit([value](const auto& part) { return step_into(*value, part); }, step);
  }
  if (value == nullptr || !value->is_string()) return std::nullopt;
  return value->get<std::string>();
}

}  // namespace hubcache::access
