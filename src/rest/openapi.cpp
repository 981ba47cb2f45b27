#include "hubcache/rest/openapi.h"

#include <algorithm>
#include <cctype>
#include <utility>

#include "hubcache/base/text.h"

#include "openapi_schemas.h"

namespace hubcache::rest {
namespace {

constexpr const char* kAsync = "AsyncOperationResponse";

std::string snake_case(std::string_view name) {
  std::string text;
  for (const char c : name) {
    const bool is_upper = std::isupper(static_cast<unsigned char>(c)) != 0;
    if (is_upper && !text.empty()) text += '_';
    text += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  }
  return text;
}

/// "remotes_hugging_face_hugging_face" of its path: what the names of operations begin with.
std::string operation_of(std::string_view path) {
  std::string name;
  for (std::size_t i = 0; i < path.size(); ++i) {
    if (path[i] == '{') {
      i = path.find('}', i) + 1;  // with the slash behind it
      continue;
    }
    name += path[i] == '/' || path[i] == '-' ? '_' : path[i];
  }
  while (name.ends_with('_')) name.pop_back();
  return name;
}

Json content_of(Json schema) { return {{"application/json", {{"schema", std::move(schema)}}}}; }
Json answer(Json schema) {
  return {{"description", ""}, {"content", content_of(std::move(schema))}};
}

/// Puts the document together, operation by operation.
class Writer {
 public:
  explicit Writer(const Document& document) : document_(document) {}

  Json run() {
    schemas_[kAsync] = {
        {"type", "object"},
        {"required", {"task"}},
        {"properties", {{"task", {{"type", "string"}, {"format", "uri-reference"}}}}}};
    const Json key{{"type", "string"}};
    const Json value{{"type", Json::array({"string", "null"})}};
    for (const char* name : {"SetLabel", "SetLabelResponse", "UnsetLabelResponse"}) {
      schemas_[name] = {{"type", "object"},
                        {"required", {"key", "value"}},
                        {"properties", {{"key", key}, {"value", value}}}};
    }
    schemas_["UnsetLabel"] = {
        {"type", "object"}, {"required", {"key"}}, {"properties", {{"key", key}}}};
    for (const auto& resource : document_.resources) add_resource(resource);
    for (const auto& action : document_.actions) add_action(action);
    for (const auto& view : document_.views) add_view(view);
    return head();
  }

 private:
  Json head() {
    return {{"openapi", "3.1.1"},
            {"info",
             {{"title", "Pulp 3 API"},
              {"version", "v3"},
              {"description", "The management API of hubcache, as Pulp's clients know it."},
              {"license", {{"name", "Apache License 2.0"}, {"identifier", "Apache-2.0"}}},
              {"x-pulp-app-versions", document_.versions},
              {"x-pulp-domain-enabled", false}}},
            {"servers", Json::array({{{"url", document_.base + "/"}}})},
            {"paths", std::move(paths_)},
            {"components",
             {{"schemas", std::move(schemas_)},
              {"securitySchemes", {{"basicAuth", {{"type", "http"}, {"scheme", "basic"}}}}}}}};
  }

  /// "hugging_face_hugging_face_remote": what the href of such an object is called.
  std::string parameter_of(const Resource& resource) const {
    if (!resource.parent.empty()) {
      const auto* above = resource_of(document_.resources, resource.field(resource.parent)->target);
      auto segment = resource.path.substr(0, resource.path.size() - 2);  // "versions/": "version"
      return parameter_of(*above) + "_" + segment.substr(segment.rfind('/') + 1);
    }
    const auto app = resource.model.substr(0, resource.model.find('.'));
    return (app == "core" ? "" : app + "_") + snake_case(resource.name);
  }

  /// The path as the document has it, with the parameters it needs.
  std::string place(const std::string& path, Json& parameters) const {
    if (document_.with_ids) {
      for (const char* name : {"id", "number"}) {
        if (path.find(std::string("{") + name + "}") == std::string::npos) continue;
        parameters.push_back(path_parameter(name));
      }
      return document_.root + path;
    }
    const Resource* object = nullptr;  // the one whose detail path is the longest beginning
    for (const auto& resource : document_.resources) {
      if (!resource.lists.empty() || !path.starts_with(detail_path(resource))) continue;
      if (object == nullptr || detail_path(resource).size() > detail_path(*object).size()) {
        object = &resource;
      }
    }
    if (object == nullptr) return document_.root + path;
    const auto name = parameter_of(*object) + "_href";
    parameters.push_back(path_parameter(name));
    return "{" + name + "}" + path.substr(detail_path(*object).size());
  }

  static Json path_parameter(const std::string& name) {
    return {{"name", name},
            {"in", "path"},
            {"required", true},
            {"schema", {{"type", name == "number" ? "integer" : "string"}}}};
  }

  Json& add(const char* method, const std::string& path, std::string id, const std::string& tag,
            Json query = Json::array()) {
    Json parameters = Json::array();
    const auto written = place(path, parameters);
    for (auto& one : query) parameters.push_back(std::move(one));
    auto& operation = paths_[written][method];
    operation = {{"operationId", std::move(id)},
                 {"tags", Json::array({tag})},
                 {"parameters", std::move(parameters)},
                 {"security", Json::array({{{"basicAuth", Json::array()}}})},
                 {"responses", Json::object()}};
    return operation;
  }

  static void takes(Json& operation, const Json& schema) {
    Json content = Json::object();
    for (const char* type :
         {"application/json", "application/x-www-form-urlencoded", "multipart/form-data"}) {
      content[type] = {{"schema", schema}};
    }
    operation["requestBody"] = {{"content", std::move(content)}, {"required", true}};
  }

  /// "Remotes: Hugging-Face", as the generated bindings group them.
  static std::string tag_of(const Resource& resource) {
    std::string tag;
    bool at_start = true;
    for (const char c : resource.path.substr(0, resource.path.find("/{"))) {
      if (c == '/') break;
      tag += at_start ? static_cast<char>(std::toupper(static_cast<unsigned char>(c))) : c;
      at_start = c == '-';
    }
    if (resource.type.empty() || !resource.lists.empty()) return tag;
    auto type = resource.type.substr(resource.type.find('.') + 1);
    at_start = true;
    for (auto& c : type) {
      if (at_start) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
      at_start = c == '-' || c == '_';
    }
    return tag + ": " + type;
  }

  void add_resource(const Resource& resource) {
    add_schemas(resource, schemas_);
    const auto name = schema_name(resource);
    const auto prefix = operation_of(resource.path);
    const auto tag = tag_of(resource);
    const auto whole = schema_ref(name + "Response");
    auto& list = add("get", resource.path, prefix + "_list", tag,
                     list_parameters(document_.resources, resource));
    list["responses"]["200"] = answer(schema_ref("Paginated" + name + "ResponseList"));
    if (resource.create != Create::kNone) {
      auto& create = add("post", resource.path, prefix + "_create", tag);
      takes(create, schema_ref(name));
      const bool is_task = resource.create == Create::kTask;
      create["responses"][is_task ? "202" : "201"] = answer(is_task ? schema_ref(kAsync) : whole);
    }
    if (!resource.lists.empty()) return;
    const auto detail = detail_path(resource);
    add("get", detail, prefix + "_read", tag, read_parameters())["responses"]["200"] =
        answer(whole);
    if (resource.change != Change::kNone) {
      for (const bool is_patch : {false, true}) {
        auto& change = add(is_patch ? "patch" : "put", detail,
                           prefix + (is_patch ? "_partial_update" : "_update"), tag);
        takes(change, schema_ref((is_patch ? "Patched" : "") + name));
        change["responses"]["200"] = answer(whole);
        if (resource.change == Change::kTask) {
          change["responses"]["202"] = answer(schema_ref(kAsync));
        }
      }
    }
    add_labels(resource, prefix, tag);
    if (resource.remove == Change::kNone) return;
    auto& remove = add("delete", detail, prefix + "_delete", tag);
    if (resource.remove == Change::kTask) {
      remove["responses"]["202"] = answer(schema_ref(kAsync));
    } else {
      remove["responses"]["204"] = {{"description", ""}};
    }
  }

  void add_labels(const Resource& resource, const std::string& prefix, const std::string& tag) {
    if (resource.labels() == nullptr) return;
    for (const auto& [verb, schema] :
         {std::pair("set_label", "SetLabel"), std::pair("unset_label", "UnsetLabel")}) {
      auto& operation = add("post", detail_path(resource) + verb + "/", prefix + "_" + verb, tag);
      takes(operation, schema_ref(schema));
      operation["responses"]["201"] = answer(schema_ref(std::string(schema) + "Response"));
    }
  }

  void add_action(const Action& action) {
    auto& operation = add("post", action.path, action.operation, tag_of_path(action.path));
    takes(operation, request_schema(action.fields));
    const auto status = std::to_string(action.status);
    auto schema = action.schema ? *action.schema : Json{{"type", "object"}};
    if (action.status == 202) schema = schema_ref(kAsync);
    operation["responses"][status] = answer(std::move(schema));
  }

  void add_view(const View& view) {
    for (std::size_t i = 0; i < view.operations.size(); ++i) {
      const auto method = lower_case(view.methods[i]);
      auto& operation = add(method.c_str(), view.path, view.operations[i], tag_of_path(view.path),
                            method == "get" ? read_parameters() : Json::array());
      if (view.anonymous) operation.erase("security");
      if (method == "patch") takes(operation, request_schema(view.fields));
      const auto status = std::to_string(view.status);
      operation["responses"][status] = {{"description", ""}};
      if (view.status == 204 || !view.has_body) continue;
      if (view.schema) schemas_[view.schema_name] = *view.schema;
      operation["responses"][status] = answer(
          view.schema_name.empty() ? Json{{"type", "object"}} : schema_ref(view.schema_name));
    }
  }

  std::string tag_of_path(const std::string& path) const {
    for (const auto& resource : document_.resources) {
      if (resource.lists.empty() && path.starts_with(resource.path)) return tag_of(resource);
    }
    auto tag = path.substr(0, path.find('/'));
    if (!tag.empty()) tag[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(tag[0])));
    return tag;
  }

  const Document& document_;
  Json paths_ = Json::object();
  Json schemas_ = Json::object();
};

}  // namespace

Json openapi(const Document& document) { return Writer(document).run(); }

}  // namespace hubcache::rest
