#include "hubcache/rest/field.h"

#include <utility>

#include <nlohmann/json.hpp>

#include "hubcache/rest/resource.h"
#include "hubcache/rest/row.h"

namespace hubcache::rest {
namespace {

Json text_or_null() { return {{"type", Json::array({"string", "null"})}}; }

}  // namespace

Field& Field::shown_as(const Json& schema) {
  shown_schema = std::make_shared<const Json>(schema);
  return *this;
}

Field text(std::string name) { return {Field::Type::kText, std::move(name)}; }
Field url(std::string name) { return {Field::Type::kUrl, std::move(name)}; }
Field path(std::string name) { return {Field::Type::kPath, std::move(name)}; }
Field pem(std::string name) { return {Field::Type::kPem, std::move(name)}; }
Field integer(std::string name) { return {Field::Type::kInteger, std::move(name)}; }
Field number(std::string name) { return {Field::Type::kNumber, std::move(name)}; }
Field boolean(std::string name) { return {Field::Type::kBoolean, std::move(name)}; }
Field labels(std::string name) { return {Field::Type::kLabels, std::move(name)}; }
Field headers(std::string name) { return {Field::Type::kHeaders, std::move(name)}; }

Field choice(std::string name, std::vector<std::string> choices) {
  Field field(Field::Type::kChoice, std::move(name));
  field.choices = std::move(choices);
  return field;
}

Field time(std::string name) { return {Field::Type::kTime, std::move(name)}; }

Field texts(std::string name, std::vector<std::string> choices) {
  Field field(Field::Type::kTexts, std::move(name));
  field.choices = std::move(choices);
  return field;
}

namespace {
Field reference(Field::Type type, std::string name, std::string target) {
  Field field(type, std::move(name));
  field.target = std::move(target);
  return field;
}
}  // namespace

Field href(std::string name, std::string target) {
  return reference(Field::Type::kHref, std::move(name), std::move(target));
}
Field hrefs(std::string name, std::string target) {
  return reference(Field::Type::kHrefs, std::move(name), std::move(target));
}
Field uris(std::string name, std::string target) {
  return reference(Field::Type::kUris, std::move(name), std::move(target));
}

Field computed(std::string name, Field::Compute compute) {
  Field field(Field::Type::kComputed, std::move(name));
  field.compute = std::move(compute);
  return field;
}

Field nothing(std::string name) {
  return computed(std::move(name), [](const Row&, const Rendering&) { return Json(); })
      .shown_as(text_or_null());
}

Field always(std::string name, std::string value) {
  return computed(std::move(name),
                  [value = Json(std::move(value))](const Row&, const Rendering&) { return value; })
      .shown_as({{"type", "string"}});
}

Field prn_of(std::string name, std::string of) {
  Field field(Field::Type::kComputed, std::move(name));
  field.target = std::move(of);
  return field.shown_as(text_or_null());
}

Field hidden_fields() {
  const Json item{
      {"type", "object"},
      {"properties", {{"name", {{"type", "string"}}}, {"is_set", {{"type", "boolean"}}}}},
      {"required", {"name", "is_set"}}};
  return Field(Field::Type::kComputed, "hidden_fields")
      .shown_as({{"type", "array"}, {"items", item}});
}

const Field* Resource::field(std::string_view field_name) const {
  for (const auto& candidate : fields) {
    if (candidate.name == field_name) return &candidate;
  }
  return nullptr;
}

const Field* Resource::labels() const {
  if (!lists.empty() || (change == Change::kNone && !keep_labels)) return nullptr;
  for (const auto& candidate : fields) {
    if (candidate.type == Field::Type::kLabels) return &candidate;
  }
  return nullptr;
}

std::string detail_path(const Resource& resource) {
  return resource.path + (resource.key.empty() ? "{id}/" : "{number}/");
}

const Resource* resource_of(std::span<const Resource> resources, std::string_view kind) {
  for (const auto& resource : resources) {
    if (resource.kind == kind) return &resource;
  }
  return nullptr;
}

}  // namespace hubcache::rest
