#include <algorithm>
#include <string_view>
#include <utility>

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
  const Resource* resource = nullptr;
  std::string id;
  std::string complaint;  // set: there is no more to it
};

Named wrong(std::string complaint) {
  return {.resource = nullptr, .id = {}, .complaint = std::move(complaint)};
}

std::string_view without_host(std::string_view href) {
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (!href.starts_with(scheme)) continue;
    const auto path = href.find('/', scheme.size());
    return path == std::string_view::npos ? std::string_view() : href.substr(path);
  }
  return href;
}

Named name_of_href(const Store& store, std::string_view text) {
  const auto path = without_host(text);
  if (!path.starts_with(store.root())) return wrong(std::string(kNoMatch));
  const auto below = path.substr(store.root().size());
  if (below.empty()) return wrong(std::string(kIncorrectMatch));
  for (const auto& resource : store.resources()) {
    if (below == resource.path) return wrong(std::string(kIncorrectMatch));
    if (!below.starts_with(resource.path) || !below.ends_with('/')) continue;
    auto id = below.substr(resource.path.size());
    id.remove_suffix(1);
    if (id.empty() || id.find_first_of("/?#") != std::string_view::npos) continue;
    return {.resource = &resource, .id = std::string(id), .complaint = {}};
  }
  return wrong(std::string(kNoMatch));
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
    return {.resource = &resource, .id = std::string(text.substr(id_at + 1)), .complaint = {}};
  }
  return wrong("Model " + std::string(model) + " does not exist");
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
  auto named = text.starts_with("prn:") ? name_of_prn(store, text) : name_of_href(store, text);
  if (named.resource == nullptr) return refuse(std::move(named.complaint));
  if (named.resource->kind != field.target) return refuse(std::string(kIncorrectMatch));
  const auto id = canonical_uuid(named.id);
  if (!id) return refuse("“" + named.id + "” is not a valid UUID.");
  if (!store.find(sql, *named.resource, *id)) return refuse(std::string(kNoObject));
  return *id;
}

}  // namespace hubcache::rest
