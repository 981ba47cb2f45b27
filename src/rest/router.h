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
  std::string parent = {};  // what the first of two wildcards in the path stands for
  std::string id = {};      // what the last one stands for
  const access::Account* caller = nullptr;
  std::string correlation_id;
  std::string base;
};

/// The same for a handler that knows nothing of the engine.
Call call_of(const Exchange& exchange);

using RouteHandler = std::function<Task<Reply>(const Exchange& exchange)>;

/// A path below the root and what can be done there. Segments "{id}" and "{number}" stand for a
/// UUID and a number.
struct Route {
  std::string path;
  bool anonymous = false;
  bool has_options = true;
  bool has_head = true;
  std::vector<std::pair<std::string, RouteHandler>> handlers = {};  // by method

  const RouteHandler* handler(std::string_view method) const;
  /// "GET, POST, HEAD, OPTIONS"
  std::string allow() const;
};

struct Routed {
  const Route* route = nullptr;  // null: no such path
  bool can_be = true;            // false: a part is not what its wildcard wants, nothing is there
  std::string parent = {};
  std::string id = {};  // a UUID in its canonical spelling
};

class Router {
 public:
  /// The route of this path, made if there is none.
  Route& at(std::string_view path);
  /// `below` is the path below the root; literal segments win over wildcards.
  Routed find(std::string_view below) const;

 private:
  std::deque<Route> routes_;  // references to routes stay good
};

}  // namespace hubcache::rest
