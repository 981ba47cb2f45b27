#include "hubcache/http/router.h"

#include <algorithm>

namespace hubcache::http {

Router& Router::prefix(std::string path, Handler handler) {
  const auto place = std::ranges::find_if(
      prefixes_, [&](const Route& route) { return route.path.size() < path.size(); });
  prefixes_.insert(place, {std::move(path), std::move(handler)});
  return *this;
}

Router& Router::exact(std::string path, Handler handler) {
  exact_.push_back({std::move(path), std::move(handler)});
  return *this;
}

const Handler& Router::find(std::string_view path) const {
  for (const Route& route : exact_) {
    if (path == route.path) return route.handler;
  }
  for (const Route& route : prefixes_) {
    const std::string_view prefix(route.path);
    if (path.starts_with(prefix) || path == prefix.substr(0, prefix.size() - 1)) {
      return route.handler;
    }
  }
  return fallback_;
}

}  // namespace hubcache::http
