#include <algorithm>
#include <string_view>
#include <utility>

#include "hubcache/rest/address.h"
#include "hubcache/rest/row.h"
#include "hubcache/rest/stamps.h"
#include "hubcache/rest/validation.h"

namespace hubcache::rest {
namespace {

constexpr std::string_view kNoMatch = "Invalid hyperlink - No URL match.";
constexpr std::string_view kIncorrectMatch = "Invalid hyperlink - Incorrect URL match.";
constexpr std::string_view kNoObject = "Invalid hyperlink - Object does not exist.";

/// What a reference says, before it is looked up.
struct Named {
  Address address;
  std::string complaint = {};  // set: there is no more to it
};

Named wrong(std::string complaint) { return {.address = {}, .complaint = std::move(complaint)}; }

Named name_of_href(const Store& store, std::string_view text) {
  auto address = read_href(store.resources(), store.root(), text);
  if (address.is_collection) return wrong(std::string(kIncorrectMatch));
  if (address.resource == nullptr) return wrong(std::string(kNoMatch));
  return {.address = std::move(address)};
}

Named name_of_prn(const Store& store, std::string_view text) {
  const auto model_at = text.find(':') + 1;
  const auto id_at = text.find(':', model_at);
  const auto model = text.substr(model_at, id_at - model_at);
  if (id_at == std::string_view::npos || text.find(':', id_at + 1) != std::string_view::npos ||
      std::ranges::count(model, '.') != 1) {
    return wrong("PRN must be of the form 'prn:app_label.model_label:pk': " + std::string(text));
  }
  for (const auto& resource : store.resources()) {
    if (resource.model != model) continue;
    // A PRN ends with the id, whatever its href ends with.
    return {.address = {.resource = &resource, .key = std::string(text.substr(id_at + 1))}};
  }
  return wrong("Model " + std::string(model) + " does not exist");
}

/// What is wrong with the last part of an href, before it is looked up.
std::string bad_key(const Resource& resource, const std::string& key) {
  if (resource.key.empty()) {
    return canonical_uuid(key) ? "" : "“" + key + "” is not a valid UUID.";
  }
  const bool is_number = !key.empty() && key.find_first_not_of("0123456789") == std::string::npos;
  return is_number ? "" : std::string(kNoMatch);
}

/// Pulp's verbs say it differently.
std::string word_for_verb(const Store& store, const Field& field, const Json& item) {
  const auto text = item.get<std::string>();
  const bool is_known = text.starts_with("prn:") ||
                        read_href(store.resources(), store.root(), text).resource != nullptr;
  if (!is_known) return "URI not valid: " + text;
  return "URI " + text + " not found for " + field.target + ".";
}

}  // namespace

std::optional<Json> read_reference(const Store& store, db::Connection& sql, const Field& field,
                                   const Json& raw, Json& error) {
  const auto refuse = [&error](std::string text) -> std::optional<Json> {
    error = error_list(std::move(text));
    return std::nullopt;
  };
  if (!raw.is_string()) {
    return refuse("Incorrect type. Expected URL string, received " + type_name(raw) + ".");
  }
  const auto text = raw.get<std::string>();
  const bool is_prn = text.starts_with("prn:");
  const auto named = is_prn ? name_of_prn(store, text) : name_of_href(store, text);
  if (!named.complaint.empty()) return refuse(named.complaint);
  const auto& [resource, parent, key, is_collection] = named.address;
  if (!is_of(resource->kind, field.target)) return refuse(std::string(kIncorrectMatch));
  if (!is_prn || resource->key.empty()) {
    if (auto complaint = bad_key(*resource, key); !complaint.empty()) return refuse(complaint);
  }
  const auto id = resource->key.empty() ? *canonical_uuid(key) : key;
  const auto row =
      is_prn ? store.find(sql, *resource, id) : store.find_at(sql, *resource, parent, id);
  if (!row) return refuse(std::string(kNoObject));
  if (field.refusal_of_target) {
    if (auto complaint = field.refusal_of_target(*row); !complaint.empty()) {
      return refuse(std::move(complaint));
    }
  }
  return row->id;
}

std::optional<Json> read_references(const Store& store, db::Connection& sql, const Field& field,
                                    const Json& raw, Json& error) {
  if (!raw.is_array()) {
    error = error_list("Expected a list of items but got type \"" + type_name(raw) + "\".");
    return std::nullopt;
  }
  const bool in_verb = field.type == Field::Type::kUris;
  if (in_verb && raw.empty()) {
    error = error_list("Must not be [].");
    return std::nullopt;
  }
  if (field.takes_star && std::ranges::find(raw, Json("*")) != raw.end()) {
    if (raw.size() == 1) return raw;
    error = error_list("Can not specify other HREFs when using '*'");
    return std::nullopt;
  }
  Json ids = Json::array();
  for (const auto& item : raw) {
    auto id = read_reference(store, sql, field, item, error);
    if (!id) {
      if (in_verb && item.is_string()) error = error_list(word_for_verb(store, field, item));
      return std::nullopt;
    }
    if (std::ranges::find(ids, *id) == ids.end()) ids.push_back(std::move(*id));
  }
  return ids;
}

}  // namespace hubcache::rest
