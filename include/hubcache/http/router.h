#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "hubcache/http/message.h"
#include "hubcache/http/server.h"

namespace hubcache::http {

/// Picks a handler by the raw path of a request: an exact path first, else the longest prefix on
/// whole segments, else the fallback. Filled before it serves, then only read.
class Router {
 public:
  explicit Router(Handler fallback) : fallback_(std::move(fallback)) {}

  /// `path` ends in "/". "/pulp/content/" takes "/pulp/content/x" and "/pulp/content", not
  /// "/pulp/contents".
  Router& prefix(std::string path, Handler handler);
  /// Just this path.
  Router& exact(std::string path, Handler handler);

  const Handler& find(std::string_view path) const;
  Task<Response> operator()(const Request& request) const { return find(request.path())(request); }

 private:
  struct Route {
    std::string path;
    Handler handler;
  };
  std::vector<Route> exact_;
  std::vector<Route> prefixes_;  // longest first
  Handler fallback_;
};

}  // namespace hubcache::http
