#include "openapi_schemas.h"

#include <string_view>
#include <utility>
#include <variant>

#include "filtering.h"

namespace hubcache::rest {
namespace {

Json array_of(Json items) { return Json{{"type", "array"}, {"items", std::move(items)}}; }

/// The type of a value that is there.
Json type_of(const Field& field) {
  switch (field.type) {
    case Field::Type::kUrl:
      return {{"type", "string"}, {"format", "uri"}};
    case Field::Type::kHref:
      return {{"type", "string"}, {"format", "uri-reference"}};
    case Field::Type::kTime:
      return {{"type", "string"}, {"format", "date-time"}};
    case Field::Type::kInteger:
      return {{"type", "integer"}};
    case Field::Type::kNumber:
      return {{"type", "number"}};
    case Field::Type::kBoolean:
      return {{"type", "boolean"}};
    case Field::Type::kLabels:
      return {{"type", "object"},
              {"additionalProperties", {{"type", Json::array({"string", "null"})}}}};
    case Field::Type::kHeaders:
      return array_of({{"type", "object"}});
    case Field::Type::kTexts:
    case Field::Type::kHrefs:
    case Field::Type::kUris:
      return array_of({{"type", "string"}});
    case Field::Type::kComputed:
      return Json::object();
    case Field::Type::kText:
    case Field::Type::kPath:
    case Field::Type::kPem:
    case Field::Type::kChoice:
      break;
  }
  return {{"type", "string"}};
}

Json schema_of(const Field& field) {
  auto schema = type_of(field);
  if (!field.choices.empty()) {
    (schema.contains("items") ? schema["items"] : schema)["enum"] = field.choices;
  }
  if (field.minimum) schema["minimum"] = *field.minimum;
  if (field.maximum) schema["maximum"] = *field.maximum;
  if (field.is_nullable && schema.contains("type")) {
    schema["type"] = Json::array({schema["type"], "null"});
  }
  if (const auto* text = std::get_if<std::string>(&field.default_value)) schema["default"] = *text;
  if (const auto* flag = std::get_if<bool>(&field.default_value)) schema["default"] = *flag;
  return schema;
}

/// Shown as null though it cannot be set to that.
bool is_null_until_set(const Field& field) {
  return !field.is_required && !field.is_nullable && field.type != Field::Type::kLabels &&
         std::holds_alternative<std::monostate>(field.default_value);
}

Json shown_schema(const Resource& resource, const Field& field) {
  if (field.shown_schema) return *field.shown_schema;
  auto schema = schema_of(field);
  schema.erase("default");
  if (!resource.rows && is_null_until_set(field)) {
    schema["type"] = Json::array({schema["type"], "null"});
  }
  return schema;
}

/// What comes back.
Json response_schema(const Resource& resource) {
  Json properties = Json::object();
  const auto text = [&](const char* name, Json schema) {
    schema["readOnly"] = true;
    properties[name] = std::move(schema);
  };
  text("pulp_href", {{"type", "string"}, {"format", "uri-reference"}});
  text("prn", {{"type", "string"}});
  if (resource.has_times) {
    text("pulp_created", {{"type", "string"}, {"format", "date-time"}});
    text("pulp_last_updated", {{"type", "string"}, {"format", "date-time"}});
  }
  Json required = Json::array();
  for (const auto& field : resource.fields) {
    if (field.is_write_only || field.is_internal) continue;
    auto schema = shown_schema(resource, field);
    if (resource.rows || field.is_computed()) schema["readOnly"] = true;
    properties[field.name] = std::move(schema);
    if (field.is_required) required.push_back(field.name);
  }
  Json schema{{"type", "object"}, {"properties", std::move(properties)}};
  if (!required.empty()) schema["required"] = std::move(required);
  return schema;
}

Json page_schema(const std::string& item) {
  const Json link{{"type", Json::array({"string", "null"})}, {"format", "uri"}};
  return {{"type", "object"},
          {"required", {"count", "results"}},
          {"properties",
           {{"count", {{"type", "integer"}}},
            {"next", link},
            {"previous", link},
            {"results", array_of(schema_ref(item))}}}};
}

Json parameter(const std::string& name, Json schema) {
  Json made{{"name", name}, {"in", "query"}, {"schema", std::move(schema)}};
  if (made["schema"].value("type", "") == "array") {
    made["explode"] = false;
    made["style"] = "form";
  }
  return made;
}

void add_lookups(Json& list, const std::string& name, Lookups lookups, const Json& type) {
  for (const auto lookup : lookups) {
    const auto full = lookup.empty() ? name : name + "__" + std::string(lookup);
    if (lookup == "isnull") {
      list.push_back(parameter(full, {{"type", "boolean"}}));
    } else if (lookup == "in" || lookup == "range") {
      list.push_back(parameter(full, array_of(type)));
    } else {
      list.push_back(parameter(full, type));
    }
  }
}

Json type_of(Filter::Kind kind) {
  if (kind == Filter::Kind::kTime) return {{"type", "string"}, {"format", "date-time"}};
  return {{"type", kind == Filter::Kind::kNumber ? "number" : "string"}};
}

}  // namespace

std::string schema_name(const Resource& resource) {
  const auto app = resource.model.substr(0, resource.model.find('.'));
  const bool is_plugin = !app.empty() && app != "core" && app != "auth" && resource.lists.empty();
  return is_plugin ? app + "." + resource.name : resource.name;
}

Json schema_ref(const std::string& name) { return {{"$ref", "#/components/schemas/" + name}}; }

Json request_schema(std::span<const Field> fields, bool is_patch) {
  Json properties = Json::object();
  Json required = Json::array();
  for (const auto& field : fields) {
    if (field.is_computed() || field.is_internal) continue;
    auto schema = schema_of(field);
    if (field.is_write_only) schema["writeOnly"] = true;
    properties[field.name] = std::move(schema);
    if (field.is_required && !is_patch) required.push_back(field.name);
  }
  Json schema{{"type", "object"}, {"properties", std::move(properties)}};
  if (!required.empty()) schema["required"] = std::move(required);
  return schema;
}

void add_schemas(const Resource& resource, Json& schemas) {
  const auto name = schema_name(resource);
  if (resource.create != Create::kNone) schemas[name] = request_schema(resource.fields);
  if (resource.change != Change::kNone) {
    schemas["Patched" + name] = request_schema(resource.fields, true);
  }
  schemas[name + "Response"] = response_schema(resource);
  schemas["Paginated" + name + "ResponseList"] = page_schema(name + "Response");
}

Json list_parameters(std::span<const Resource> resources, const Resource& resource) {
  const Json text{{"type", "string"}};
  Json list = Json::array({parameter("limit", {{"type", "integer"}}),
                           parameter("offset", {{"type", "integer"}}),
                           parameter("ordering", array_of(text)), parameter("q", text)});
  const bool is_below = lists_what_lies_below(resources, resource);
  if (!is_below) list.push_back(parameter("pulp_id__in", array_of(text)));
  for (const char* name : {"pulp_href__in", "prn__in"}) {
    list.push_back(parameter(name, array_of(text)));
  }
  if (!resource.lists.empty() && !is_below) {
    list.push_back(parameter("pulp_type", text));
    list.push_back(parameter("pulp_type__in", array_of(text)));
  }
  for (const auto& field : resource.fields) {
    if (field.type == Field::Type::kLabels) list.push_back(parameter("pulp_label_select", text));
    const Json type = field.type == Field::Type::kInteger ? Json{{"type", "number"}} : text;
    add_lookups(list, field.name, field.lookups, type);
  }
  for (const auto& filter : resource.filters) {
    add_lookups(list, filter.name, filter.lookups, type_of(filter.kind));
  }
  for (auto& more : read_parameters()) list.push_back(std::move(more));
  return list;
}

Json read_parameters() {
  const auto names = array_of({{"type", "string"}});
  return Json::array({parameter("fields", names), parameter("exclude_fields", names)});
}

}  // namespace hubcache::rest
