#include "router.h"

#include <algorithm>

namespace hubcache::rest {

const RouteHandler* Route::handler(std::string_view method) const {
  if (method == "HEAD") method = "GET";
  for (const auto& [name, handle] : handlers) {
    if (name == method) return &handle;
  }
  return nullptr;
}

std::string Route::allow() const {
  std::string text;
  for (const std::string_view method : {"GET", "POST", "PUT", "PATCH", "DELETE"}) {
    if (handler(method) != nullptr) (text += method) += ", ";
  }
  if (handler("GET") != nullptr) text += "HEAD, ";
  return text + "OPTIONS";
}

Route& Router::at(std::string_view path) {
  const auto id = path.find("{id}");
  const bool has_id = id != std::string_view::npos;
  const auto before = path.substr(0, id);
  const auto after = has_id ? path.substr(std::min(id + 5, path.size())) : std::string_view();
  for (auto& route : routes_) {
    if (route.before == before && route.has_id == has_id && route.after == after) return route;
  }
  return routes_.emplace_back(
      Route{.before = std::string(before), .has_id = has_id, .after = std::string(after)});
}

Routed Router::find(std::string_view below) const {
  Routed found;
  for (const auto& route : routes_) {
    if (!route.has_id && below == route.before) return {.route = &route, .id = {}};
    if (!route.has_id || !below.starts_with(route.before)) continue;
    const auto rest = below.substr(route.before.size());
    const auto slash = rest.find('/');
    if (slash == 0 || slash == std::string_view::npos) continue;
    if (rest.substr(slash + 1) == route.after) {
      found = {.route = &route, .id = std::string(rest.substr(0, slash))};
    }
  }
  return found;
}

}  // namespace hubcache::rest
