// Filters whose values are hrefs and PRNs. Each kind has its own order of checks and its own words,
// as at Pulp.
#include "reference_filters.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "hubcache/rest/address.h"
#include "hubcache/rest/stamps.h"

#include "text_values.h"

namespace hubcache::rest {
namespace {

constexpr std::string_view kPrn = "prn:";

/// The path of a URL, or of what is one already, without its query.
std::string path_of(std::string_view uri) {
  uri = uri.substr(0, uri.find_first_of("?#"));
  const auto scheme = uri.find("://");
  if (scheme == std::string_view::npos) return std::string(uri);
  const auto path = uri.find('/', scheme + 3);
  return path == std::string_view::npos ? std::string() : std::string(uri.substr(path));
}

/// The id that a URI ends with.
std::optional<std::string> id_at_end_of(std::string_view uri) {
  const auto path = path_of(uri);
  std::string_view rest = path;
  while (rest.ends_with('/')) rest.remove_suffix(1);
  return canonical_uuid(rest.substr(rest.rfind('/') + 1));
}

Json parts_of_prn(const std::string& text) {
  Json parts = Json::array();
  for (std::size_t begin = 0; begin <= text.size();) {
    const auto end = std::min(text.find(':', begin), text.size());
    parts.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return parts;
}

/// What an href or PRN names, or what is wrong with it.
struct Target {
  const Resource* resource = nullptr;  // null without a complaint: a list
  std::string parent = {};
  std::string key = {};  // canonical where it is a UUID
  std::string complaint = {};
};

Target target_of_prn(const Rendering& rendering, const std::string& text) {
  const auto parts = parts_of_prn(text);
  if (parts.size() != 3) {
    return {.complaint = "PRN must be of the form 'prn:app_label.model_label:pk': " + text};
  }
  const auto model = parts[1].get<std::string>();
  const auto resource = std::ranges::find(rendering.resources, model, &Resource::model);
  if (model.empty() || resource == rendering.resources.end()) {
    return {.complaint = "Model " + model + " does not exist"};
  }
  auto key = parts[2].get<std::string>();
  const bool has_number = !resource->key.empty() && resource->parent.empty();
  if (auto id = canonical_uuid(key)) {
    key = std::move(*id);
  } else if (!has_number) {
    return {.complaint = "PK invalid: " + key};
  }
  return {.resource = &*resource, .parent = {}, .key = std::move(key)};
}

/// The resource whose list this is; null when it is none.
const Resource* list_at(const Rendering& rendering, std::string_view path) {
  for (const auto& resource : rendering.resources) {
    if (resource.parent.empty() && path == rendering.root + resource.path) return &resource;
  }
  return nullptr;
}

std::string wrong_kind(const Referred& referred, const std::string& text) {
  return "URI/PRN is not a valid href for " + referred.name + " model: " + text;
}

/// As above, for what rows refer to: the id before the kind.
Target target_of(const Rendering& rendering, const Referred& referred, const std::string& text) {
  if (text.starts_with(kPrn)) {
    auto target = target_of_prn(rendering, text);
    if (!target.complaint.empty() || is_of(target.resource->kind, referred.target)) return target;
    return {.complaint = wrong_kind(referred, text)};
  }
  const auto path = path_of(text);
  const auto address = read_href(rendering.resources, rendering.root, path);
  if (address.is_collection) {
    const auto* list = list_at(rendering, path);
    if (list == nullptr) return {.complaint = wrong_kind(referred, text)};
    const auto& kind = list->lists.empty() ? list->kind : list->lists;
    return is_of(kind, referred.target) ? Target{}
                                        : Target{.complaint = wrong_kind(referred, text)};
  }
  if (address.resource == nullptr) return {.complaint = "URI couldn't be resolved: " + text};
  const auto id = canonical_uuid(address.key);
  if (!id && address.parent.empty()) return {.complaint = "UUID invalid: " + address.key};
  if (!id || !is_of(address.resource->kind, referred.target)) {
    return {.complaint = wrong_kind(referred, text)};
  }
  return {.resource = address.resource, .parent = {}, .key = *id};
}

/// What Pulp calls a kind in errors: "huggingfaceremote" of "hugging_face.huggingfaceremote".
std::string model_name(const Resource& resource) {
  return resource.model.substr(resource.model.find('.') + 1);
}

bool is_there(const Rendering& rendering, const std::string& wanted, const Target& target) {
  const auto& store = *rendering.store;
  auto& sql = *rendering.sql;
  if (!wanted.empty()) return store.find(sql, wanted, target.key).has_value();
  const bool by_id = target.parent.empty() && !target.resource->parent.empty();  // a PRN
  if (by_id) return store.find(sql, *target.resource, target.key).has_value();
  return store.find_at(sql, *target.resource, target.parent, target.key).has_value();
}

/// Is there such an object: of the kind or family `wanted`, or, if that is empty, of what it says
/// it is?
std::string object_complaint(const Rendering& rendering, const std::string& wanted,
                             const std::string& text) {
  Target target;
  if (text.starts_with(kPrn)) {
    target = target_of_prn(rendering, text);
    if (!target.complaint.empty()) return target.complaint;
  } else {
    const auto address = read_href(rendering.resources, rendering.root, path_of(text));
    if (address.resource == nullptr) return "URI not valid: " + text;
    target = {.resource = address.resource, .parent = address.parent, .key = address.key};
    if (target.resource->key.empty()) {
      const auto id = canonical_uuid(address.key);
      if (!id) return "ID invalid: " + address.key;
      target.key = *id;
    }
  }
  if (is_there(rendering, wanted, target)) return {};
  return "URI " + text + " not found for " +
         (wanted.empty() ? model_name(*target.resource) : wanted) + ".";
}

/// Are there all these contents? Only their ids count.
std::string contents_complaint(const Rendering& rendering, const std::string& kind,
                               const std::vector<std::string>& uris) {
  Json missing = Json::array();
  for (const auto& uri : uris) {
    std::optional<std::string> id;
    if (uri.starts_with(kPrn)) {
      const auto parts = parts_of_prn(uri);
      if (parts.size() != 3) return "PRN not valid: " + python_text(parts);
      id = canonical_uuid(parts[2].get<std::string>());
    } else {
      id = id_at_end_of(uri);
      if (!id) return "URI not valid: " + uri;
    }
    if (!id || !rendering.store->find(*rendering.sql, kind, *id)) missing.push_back(uri);
  }
  if (missing.empty()) return {};
  return "Could not find the following content units: " + python_text(missing);
}

}  // namespace

ReadFilter read_identity(const std::string& name, const std::string& value) {
  std::vector<std::string> ids;
  for (const auto& text : split_list(value)) {
    const bool is_prn = text.starts_with(kPrn);
    std::optional<std::string> id;
    if (name == "pulp_id__in") {
      id = canonical_uuid(text);
      if (!id) return refused(name, "Enter a valid UUID.");
    } else if (is_prn) {
      const auto parts = parts_of_prn(text);
      if (parts.size() == 3) id = canonical_uuid(parts[2].get<std::string>());
      if (!id) return refused("PRN not valid: " + python_text(parts));
    } else if (name == "prn__in") {
      return refused("Not a valid PRN: " + text + ", must start with 'prn:'");
    } else {
      id = id_at_end_of(text);
      if (!id) return refused("URI not valid: " + text);
    }
    // What is of another kind is in no list of this one.
    ids.push_back(std::move(*id));
  }
  return {.accepts = [ids](const Row& row) { return contains_text(ids, row.id); },
          .sql = condition("id", "", is_one_of(""), ids)};
}

ReadFilter read_href_filter(const Rendering& rendering, const Referred& referred,
                            std::string_view lookup, const std::string& value) {
  const auto& name = referred.name;
  if (referred.may_be_null && (value.empty() || value == "null")) {
    return {.accepts = [name](const Row& row) { return filter_value(row, name).is_null(); },
            .sql = referred.sql ? std::optional(Condition{.sql = *referred.sql + " IS NULL"})
                                : std::nullopt};
  }
  if (value.empty()) return refused("No value supplied for " + name + " filter.");
  std::vector<std::string> ids;
  for (const auto& text : lookup == "in" ? split_list(value) : std::vector{value}) {
    auto target = target_of(rendering, referred, text);
    if (!target.complaint.empty()) return refused(std::move(target.complaint));
    // A list stands for all that may be in it.
    if (target.resource == nullptr) {
      return {.accepts = on_text(name, [](auto&) { return true; }),
              .sql = referred.sql ? std::optional(Condition{.sql = *referred.sql + " IS NOT NULL"})
                                  : std::nullopt};
    }
    ids.push_back(std::move(target.key));
  }
  return {.accepts = on_text(name, [ids](auto& id) { return contains_text(ids, id); }),
          .sql = condition(referred.sql, "", is_one_of(""), ids)};
}

std::string uri_complaint(const Rendering& rendering, const Filter& filter, std::string_view lookup,
                          const std::string& value) {
  const auto uris = lookup == "in" ? split_list(value) : std::vector{value};
  switch (filter.uri) {
    case Filter::Uri::kAny:
      return {};
    case Filter::Uri::kRouted: {
      const auto address = read_href(rendering.resources, rendering.root, path_of(value));
      const bool is_routed = address.is_collection || address.resource != nullptr;
      return is_routed ? std::string() : "URI not valid: " + value;
    }
    case Filter::Uri::kContents:
      return contents_complaint(rendering, filter.target, uris);
    case Filter::Uri::kObject:
      return object_complaint(rendering, filter.target, value);
  }
  return {};
}

}  // namespace hubcache::rest
