#include "hubcache/rest/openapi.h"

#include <algorithm>
#include <cctype>
#include <string_view>
#include <utility>
#include <vector>

#include "hubcache/base/text.h"

#include "openapi_schemas.h"

namespace hubcache::rest {
namespace {

constexpr const char* kAsync = "AsyncOperationResponse";
constexpr const char* kCore = "core";

std::string title_case(std::string_view name) {
  std::string text;
  bool at_start = true;
  for (const char c : name) {
    text += at_start ? static_cast<char>(std::toupper(static_cast<unsigned char>(c))) : c;
    at_start = c == '-' || c == '_';
  }
  return text;
}

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

/// "Remotes: Hugging-Face" of remotes/hugging_face/hugging-face/, as the generated bindings group
/// operations: the words of the path, without the second of more than two.
std::string tag_of(std::string_view path) {
  std::vector<std::string> words;
  while (!path.empty()) {
    const auto end = path.find('/');
    if (path[0] != '{') words.push_back(title_case(path.substr(0, end)));
    path.remove_prefix(end + 1);
  }
  if (words.size() > 2) words.erase(words.begin() + 1);
  auto tag = words[0];
  for (std::size_t i = 1; i < words.size(); ++i) tag += (i == 1 ? ": " : " ") + words[i];
  return tag;
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
    for (const auto& resource : document_.resources) {
      if (is_wanted(resource.path)) add_resource(resource);
    }
    for (const auto& action : document_.actions) {
      if (is_wanted(action.path)) add_action(action);
    }
    for (const auto& view : document_.views) {
      if (is_wanted(view.path)) add_view(view);
    }
    return head();
  }

 private:
  /// A path names the component it is of, unless that is core.
  bool is_wanted(const std::string& path) const {
    const auto& wanted = document_.components;
    if (wanted.empty()) return true;
    for (const auto& [label, version] : document_.versions.items()) {
      if (label != kCore && path.find("/" + label + "/") != std::string::npos) {
        return wanted.contains(label);
      }
    }
    return wanted.contains(kCore);
  }

  /// The version of core is told with any components, as by Pulp.
  Json versions() const {
    Json told = Json::object();
    for (const auto& [label, version] : document_.versions.items()) {
      const auto& wanted = document_.components;
      if (label == kCore || wanted.empty() || wanted.contains(label)) told[label] = version;
    }
    return told;
  }

  Json head() {
    return {{"openapi", "3.1.1"},
            {"info",
             {{"title", "Pulp 3 API"},
              {"version", "v3"},
              {"description", "The management API of hubcache, as Pulp's clients know it."},
              {"license", {{"name", "Apache License 2.0"}, {"identifier", "Apache-2.0"}}},
              {"x-pulp-app-versions", versions()},
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

  Json& add(const char* method, const std::string& path, const std::string& id,
            Json query = Json::array()) {
    const auto home = home_of(path);
    Json parameters = Json::array();
    const auto written = place(path, parameters);
    for (auto& one : query) parameters.push_back(std::move(one));
    auto& operation = paths_[written][method];
    operation = {{"operationId", named(id, home)},
                 {"tags", Json::array({tag_of(home)})},
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

  /// The path of the resource that `path` is of; a path of no resource stands for itself.
  std::string home_of(const std::string& path) const {
    std::string home;
    for (const auto& resource : document_.resources) {
      const bool is_above = resource.lists.empty() && path.starts_with(resource.path);
      if (is_above && resource.path.size() > home.size()) home = resource.path;
    }
    return home.empty() ? path : home;
  }

  /// The name of an operation, or what it has beside its tag where that is wanted.
  std::string named(const std::string& operation, const std::string& home) const {
    const auto prefix = operation_of(home) + "_";
    const bool is_short = document_.short_names && operation.starts_with(prefix);
    return is_short ? operation.substr(prefix.size()) : operation;
  }

  /// Whether Pulp names an operation of such a view by rule; "tasks_cancel" it names by hand.
  static bool is_named_by_rule(const View& view, const std::string& operation) {
    const auto path = view.path.substr(0, view.path.size() - 1);
    return operation.ends_with("_delete") ||
           operation.ends_with("_" + path.substr(path.rfind('/') + 1));
  }

  void add_resource(const Resource& resource) {
    add_schemas(resource, schemas_);
    const auto name = schema_name(resource);
    const auto prefix = operation_of(resource.path);
    const auto whole = schema_ref(name + "Response");
    auto& list =
        add("get", resource.path, prefix + "_list", list_parameters(document_.resources, resource));
    list["responses"]["200"] = answer(schema_ref("Paginated" + name + "ResponseList"));
    if (resource.create != Create::kNone) {
      auto& create = add("post", resource.path, prefix + "_create");
      takes(create, schema_ref(name));
      const bool is_task = resource.create == Create::kTask;
      create["responses"][is_task ? "202" : "201"] = answer(is_task ? schema_ref(kAsync) : whole);
    }
    if (!resource.lists.empty()) return;
    const auto detail = detail_path(resource);
    add("get", detail, prefix + "_read", read_parameters())["responses"]["200"] = answer(whole);
    if (resource.change != Change::kNone) {
      for (const bool is_patch : {false, true}) {
        auto& change = add(is_patch ? "patch" : "put", detail,
                           prefix + (is_patch ? "_partial_update" : "_update"));
        takes(change, schema_ref((is_patch ? "Patched" : "") + name));
        change["responses"]["200"] = answer(whole);
        if (resource.change == Change::kTask) {
          change["responses"]["202"] = answer(schema_ref(kAsync));
        }
      }
    }
    add_labels(resource, prefix);
    if (resource.remove == Change::kNone) return;
    auto& remove = add("delete", detail, prefix + "_delete");
    if (resource.remove == Change::kTask) {
      remove["responses"]["202"] = answer(schema_ref(kAsync));
    } else {
      remove["responses"]["204"] = {{"description", ""}};
    }
  }

  void add_labels(const Resource& resource, const std::string& prefix) {
    if (resource.labels() == nullptr) return;
    for (const auto& [verb, schema] :
         {std::pair("set_label", "SetLabel"), std::pair("unset_label", "UnsetLabel")}) {
      auto& operation = add("post", detail_path(resource) + verb + "/", prefix + "_" + verb);
      takes(operation, schema_ref(schema));
      operation["responses"]["201"] = answer(schema_ref(std::string(schema) + "Response"));
    }
  }

  void add_action(const Action& action) {
    auto& operation = add("post", action.path, action.operation);
    takes(operation, request_schema(action.fields));
    const auto status = std::to_string(action.status);
    auto schema = action.schema ? *action.schema : Json{{"type", "object"}};
    if (action.status == 202) schema = schema_ref(kAsync);
    operation["responses"][status] = answer(std::move(schema));
  }

  void add_view(const View& view) {
    for (std::size_t i = 0; i < view.operations.size(); ++i) {
      const auto method = lower_case(view.methods[i]);
      auto& operation = add(method.c_str(), view.path, view.operations[i],
                            method == "get" ? read_parameters() : Json::array());
      if (!is_named_by_rule(view, view.operations[i]))
        operation["operationId"] = view.operations[i];
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

  const Document& document_;
  Json paths_ = Json::object();
  Json schemas_ = Json::object();
};

}  // namespace

Json openapi(const Document& document) { return Writer(document).run(); }

}  // namespace hubcache::rest
