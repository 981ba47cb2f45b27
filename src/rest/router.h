#pragma once

#include <deque>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "hubcache/base/task.h"
#include "hubcache/http/message.h"
#include "hubcache/rest/api.h"

namespace hubcache::rest {

/// One request on its way through the engine.
struct Exchange {
  const http::Request& request;
  std::string id;
  const access::Account* caller = nullptr;
  std::string correlation_id;
  std::string base;
};

using RouteHandler = std::function<Task<Reply>(const Exchange& exchange)>;

/// A path below the root and what can be done there.
struct Route {
  std::string before;  // up to the id, or all of it
  bool has_id = false;
  std::string after;  // behind the id and its slash
  bool anonymous = false;
  std::vector<std::pair<std::string, RouteHandler>> handlers = {};  // by method

  const RouteHandler* handler(std::string_view method) const;
  /// "GET, POST, HEAD, OPTIONS"
  std::string allow() const;
};

struct Routed {
  const Route* route = nullptr;  // null: no such path
  std::string id;
};

class Router {
 public:
  /// The route of this shape, made if there is none. `path` may hold "{id}".
  Route& at(std::string_view path);
  /// `below` is the path below the root; literal paths win over ids.
  Routed find(std::string_view below) const;

 private:
  std::deque<Route> routes_;  // references to routes stay good
};

}  // namespace hubcache::rest
