#include "status.h"

#include <array>
#include <utility>

#include <nlohmann/json.hpp>
#include <unistd.h>

#include "hubcache/rest/row.h"
#include "hubcache/rest/stamps.h"
#include "hubcache/store/data_dir.h"

#include "resources.h"

namespace hubcache::pulp {
namespace {

using rest::Json;

/// The versions of Pulp whose interface this is: clients choose what they ask for by them.
constexpr const char* kCoreVersion = "3.116.0";
constexpr const char* kPluginVersion = "0.4.0";

Json component(const char* name, const char* version, const char* package, const char* module) {
  return Json{{"component", name},
              {"version", version},
              {"package", package},
              {"module", module},
              {"domain_compatible", true}};
}

/// The numbers that are in the metrics too.
Json storage_of(const std::filesystem::path& directory) {
  const auto disk = store::file_system_of(directory);
  return Json{{"total", disk.total}, {"used", disk.used}, {"free", disk.free}};
}

Json versions_here() {
  // Clients that compare versions ask for the bundled components too.
  return Json{{"core", kCoreVersion},
              {"file", kCoreVersion},
              {"certguard", kCoreVersion},
              {"hugging_face", kPluginVersion}};
}

std::string process_name() {
  std::array<char, 256> host{};
  ::gethostname(host.data(), host.size() - 1);
  return std::to_string(::getpid()) + "@" + host.data();
}

/// This process, as each of the kinds of process a Pulp has.
Json process_of(const Clock& clock) {
  const auto now = clock.now().time_since_epoch().count() * 1000;
  return Json::array({Json{{"name", process_name()},
                           {"last_heartbeat", rest::iso_time(now)},
                           {"versions", versions_here()}}});
}

Json status_of(const Clock& clock, const Options& options) {
  const auto& origin = options.rest.public_name.external_url;
  const auto process = process_of(clock);
  return Json{{"versions", Json::array({component("core", kCoreVersion, "pulpcore", "pulpcore.app"),
                                        component("hugging_face", kPluginVersion,
                                                  "pulp_hugging_face", "pulp_hugging_face.app")})},
              {"online_workers", process},
              {"online_api_apps", process},
              {"online_content_apps", process},
              {"database_connection", {{"connected", true}}},
              {"redis_connection", {{"connected", false}}},
              {"storage", storage_of(options.data_dir)},
              {"content_settings",
               {{"content_origin", origin.empty() ? Json() : Json(origin)},
                {"content_path_prefix", options.content_prefix}}},
              {"domain_enabled", false}};
}

std::shared_ptr<const Json> status_schema() {
  Json properties = Json::object();
  for (const char* name :
       {"versions", "online_workers", "online_api_apps", "online_content_apps"}) {
    properties[name] = Json{{"type", "array"}, {"items", {{"type", "object"}}}};
  }
  for (const char* name :
       {"database_connection", "redis_connection", "storage", "content_settings"}) {
    properties[name] = Json{{"type", "object"}};
  }
  properties["domain_enabled"] = Json{{"type", "boolean"}};
  Json required = Json::array();
  for (const auto& [name, schema] : properties.items()) required.push_back(name);
  return std::make_shared<const Json>(Json{{"type", "object"},
                                           {"properties", std::move(properties)},
                                           {"required", std::move(required)}});
}

}  // namespace

std::vector<std::pair<std::string, std::string>> versions() {
  return {{"core", kCoreVersion}, {"hugging_face", kPluginVersion}};
}

std::vector<rest::View> status_views(const Services& services, const Options& options,
                                     const std::vector<rest::Resource>& resources) {
  auto status = [&database = services.database, &clock = services.clock,
                 options](const rest::Call&) {
    auto work = [&clock, options](db::Connection& sql) {
      sql.query("SELECT version FROM registry_state").step();  // the database answers
      return rest::Reply{.status = 200, .body = rest::to_text(status_of(clock, options))};
    };
    return database.read(std::move(work));
  };
  auto alive = [](const rest::Call&) { return rest::ready({.status = 200}); };
  std::vector<std::string> paths;
  for (const auto& resource : resources) {
    if (resource.parent.empty()) paths.push_back(resource.path);
  }
  auto root = [paths, base = options.rest.root](const rest::Call& call) {
    const std::string api = call.base + base;
    Json map = Json::object();
    for (const auto& path : paths) map[path.substr(0, path.size() - 1)] = api + path;
    map["status"] = api + "status/";
    return rest::ready({.status = 200, .body = rest::to_text(map)});
  };
  return {{.path = "status/",
           .methods = {"GET"},
           .anonymous = true,
           .handle = status,
           .operations = {"status_read"},
           .schema_name = "StatusResponse",
           .schema = status_schema()},
          {.path = "livez/",
           .methods = {"GET"},
           .anonymous = true,
           .handle = alive,
           .operations = {"livez_read"},
           .has_body = false},
          {.path = "", .methods = {"GET"}, .anonymous = true, .handle = root}};
}

rest::Resource worker(const Clock& clock) {
  const auto start = clock.now().time_since_epoch().count() * 1000;
  auto here = [&clock, start] {
    const auto now = clock.now().time_since_epoch().count() * 1000;
    rest::Row row{.id = rest::derived_uuid("worker " + process_name()),
                  .kind = {},
                  .type = {},
                  .name = process_name(),
                  .created = start,
                  .updated = now};
    row.doc = Json{
        {"name", row.name}, {"last_heartbeat", rest::iso_time(now)}, {"versions", versions_here()}};
    return row;
  };
  auto find = [here](db::Connection&, std::string_view id) {
    auto row = here();
    return row.id == id ? std::optional(std::move(row)) : std::nullopt;
  };
  // A worker is online, and missing in no list, as long as there is somebody to ask.
  auto is = [](bool state) {
    return [state](const rest::Row&, std::string_view, const std::string& value) {
      return (value == "true") == state;
    };
  };
  return {.name = "Worker",
          .kind = "worker",
          .path = "workers/",
          .model = "core.worker",
          .absent_as = "AppStatus",
          .create = rest::Create::kNone,
          .change = rest::Change::kNone,
          .remove = rest::Change::kNone,
          .fields = {rest::text("name").filters(rest::kNameFilters), rest::time("last_heartbeat"),
                     rest::texts("versions").shown_as({{"type", "object"}}),
                     rest::nothing("current_task")},
          .filters = {{.name = "last_heartbeat",
                       .lookups = rest::kTimeFilters,
                       .kind = rest::Filter::Kind::kTime},
                      {.name = "online",
                       .lookups = rest::kExact,
                       .kind = rest::Filter::Kind::kFlag,
                       .matches = is(true)},
                      {.name = "missing",
                       .lookups = rest::kExact,
                       .kind = rest::Filter::Kind::kFlag,
                       .matches = is(false)}},
          .has_head = false,
          .rows = [here](db::Connection&) { return std::vector{here()}; },
          .row = find};
}

}  // namespace hubcache::pulp
