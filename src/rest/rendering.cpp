#include "hubcache/rest/rendering.h"

#include <algorithm>

#include "hubcache/rest/row.h"
#include "hubcache/rest/stamps.h"

namespace hubcache::rest {
namespace {

bool is_set(const Json& value) { return !value.is_null() && value != ""; }

Json hidden_of(const Resource& resource, const Row& row, const Selection& selection) {
  Json list = Json::array();
  for (const auto& field : resource.fields) {
    if (!field.is_write_only || !selection.has(field.name)) continue;
    list.push_back(
        Json{{"name", field.name}, {"is_set", is_set(row.doc.value(field.name, Json()))}});
  }
  return list;
}

/// The row an href field names, if any.
struct Target {
  const Resource* resource = nullptr;
  std::string id;
};

Target target_of(const Rendering& rendering, const Resource& resource, const Row& row,
                 const std::string& field_name) {
  const auto* field = resource.field(field_name);
  const auto id = row.doc.value(field_name, Json());
  if (field == nullptr || !id.is_string()) return {};
  return {.resource = resource_of(rendering.resources, field->target), .id = id.get<std::string>()};
}

Json value_of(const Rendering& rendering, const Resource& resource, const Row& row,
              const Field& field, const Selection& selection) {
  Json value;
  if (field.is_computed()) {
    if (field.name == "hidden_fields") return hidden_of(resource, row, selection);
    if (field.compute) {
      field.compute(row, value);
    } else if (const auto target = target_of(rendering, resource, row, field.target);
               target.resource != nullptr) {
      value = prn(*target.resource, target.id);
    }
    return value;
  }
  if (field.type == Field::Type::kHref) {
    const auto target = target_of(rendering, resource, row, field.name);
    if (target.resource != nullptr) value = href(rendering.root, *target.resource, target.id);
    return value;
  }
  value = row.doc.value(field.name, Json());
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

Json render(const Rendering& rendering, const Resource& resource, const Row& row,
            const Selection& selection) {
  Json object = Json::object();
  const auto put = [&](const char* name, std::string value) {
    if (selection.has(name)) object[name] = std::move(value);
  };
  put("pulp_href", href(rendering.root, resource, row.id));
  put("prn", prn(resource, row.id));
  put("pulp_created", iso_time(row.created));
  put("pulp_last_updated", iso_time(row.updated));
  for (const auto& field : resource.fields) {
    if (field.is_write_only || !selection.has(field.name)) continue;
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
