#include "hubcache/rest/rendering.h"

#include <algorithm>

#include "hubcache/rest/address.h"
#include "hubcache/rest/row.h"
#include "hubcache/rest/stamps.h"

namespace hubcache::rest {
namespace {

Json hidden_of(const Resource& resource, const Row& row, const Selection& selection) {
  Json list = Json::array();
  for (const auto& field : resource.fields) {
    if (!field.is_write_only || !selection.has(field.name)) continue;
    list.push_back(
        Json{{"name", field.name}, {"is_set", is_set(row.doc.value(field.name, Json()))}});
  }
  return list;
}

std::optional<Row> target_of(const Rendering& rendering, const std::string& family,
                             const Json& id) {
  if (!id.is_string() || rendering.sql == nullptr) return std::nullopt;
  return rendering.store->find(*rendering.sql, family, id.get<std::string>());
}

/// A PRN of what the href field `of` names.
Json prn_of_target(const Rendering& rendering, const Resource& resource, const Row& row,
                   const std::string& of) {
  const auto* field = resource.field(of);
  const auto target = target_of(rendering, field->target, row.doc.value(of, Json()));
  if (!target) return {};
  return prn(*resource_of(rendering.resources, target->kind), target->id);
}

Json value_of(const Rendering& rendering, const Resource& resource, const Row& row,
              const Field& field, const Selection& selection) {
  if (field.is_computed()) {
    if (field.name == "hidden_fields") return hidden_of(resource, row, selection);
    if (field.compute) return field.compute(row, rendering);
    return prn_of_target(rendering, resource, row, field.target);
  }
  auto value = row.doc.value(field.name, Json());
  if (field.type == Field::Type::kHref) return href_of(rendering, field.target, value);
  if (field.type == Field::Type::kHrefs) {
    Json list = Json::array();
    for (const auto& id : value) list.push_back(href_of(rendering, field.target, id));
    return list;
  }
  if (field.is_secret && rendering.mask_secrets && is_set(value)) {
    value = masked(value.get<std::string>());
  }
  return value;
}

}  // namespace

bool Selection::has(std::string_view field) const {
  if (only && std::ranges::find(*only, field) == only->end()) return false;
  return std::ranges::find(without, field) == without.end();
}

Json href_of(const Rendering& rendering, const std::string& family, const Json& id) {
  const auto target = target_of(rendering, family, id);
  if (!target) return {};
  return href(rendering.root, *resource_of(rendering.resources, target->kind), *target);
}

Json render(const Rendering& rendering, const Resource& resource, const Row& row,
            const Selection& selection) {
  // A list of several kinds shows what they have in common; where they are is their own.
  const auto* own = resource.lists.empty() ? &resource : resource_of(rendering.resources, row.kind);
  Json object = Json::object();
  const auto put = [&](const char* name, std::string value) {
    if (selection.has(name)) object[name] = std::move(value);
  };
  put("pulp_href", href(rendering.root, *own, row));
  put("prn", prn(*own, row.id));
  if (resource.has_times) {
    put("pulp_created", iso_time(row.created));
    put("pulp_last_updated", iso_time(row.updated));
  }
  for (const auto& field : resource.fields) {
    if (field.is_write_only || field.is_internal || !selection.has(field.name)) continue;
    object[field.name] = value_of(rendering, resource, row, field, selection);
  }
  return object;
}

std::string masked(std::string_view secret) {
  constexpr std::size_t kShown = 4;
  std::string text = "hf_...";
  // Of a short one, four characters would be too much.
  if (secret.size() >= 4 * kShown) text += secret.substr(secret.size() - kShown);
  return text;
}

}  // namespace hubcache::rest
