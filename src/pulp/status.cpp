#include "status.h"

#include <array>
#include <utility>

#include <nlohmann/json.hpp>
#include <sys/statvfs.h>
#include <unistd.h>

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

Json storage_of(const std::filesystem::path& directory) {
  struct statvfs fs{};
  if (directory.empty() || ::statvfs(directory.c_str(), &fs) != 0) {
    return Json{{"total", 0}, {"used", 0}, {"free", 0}};
  }
  const std::uint64_t unit = fs.f_frsize;
  return Json{{"total", fs.f_blocks * unit},
              {"used", (fs.f_blocks - fs.f_bfree) * unit},
              {"free", fs.f_bavail * unit}};
}

/// This process, as each of the kinds of process a Pulp has.
Json process_of(const Clock& clock) {
  std::array<char, 256> host{};
  ::gethostname(host.data(), host.size() - 1);
  const auto now = clock.now().time_since_epoch().count() * 1000;
  // Clients that compare versions ask for the bundled components too.
  return Json::array({Json{{"name", std::to_string(::getpid()) + "@" + host.data()},
                           {"last_heartbeat", rest::iso_time(now)},
                           {"versions",
                            {{"core", kCoreVersion},
                             {"file", kCoreVersion},
                             {"certguard", kCoreVersion},
                             {"hugging_face", kPluginVersion}}}}});
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

Task<rest::Reply> ready(rest::Reply reply) { co_return reply; }

}  // namespace

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
  auto alive = [](const rest::Call&) { return ready({.status = 200}); };
  std::vector<std::string> paths;
  for (const auto& resource : resources) paths.push_back(resource.path);
  auto root = [paths, base = options.rest.root](const rest::Call& call) {
    Json map = Json::object();
    for (const auto& path : paths) map[path.substr(0, path.size() - 1)] = call.base + base + path;
    map["status"] = call.base + base + "status/";
    return ready({.status = 200, .body = rest::to_text(map)});
  };
  return {{.path = "status/", .methods = {"GET"}, .anonymous = true, .handle = status},
          {.path = "livez/", .methods = {"GET"}, .anonymous = true, .handle = alive},
          {.path = "", .methods = {"GET"}, .anonymous = true, .handle = root}};
}

}  // namespace hubcache::pulp
