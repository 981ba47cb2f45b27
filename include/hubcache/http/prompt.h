#pragma once

#include <chrono>

#include "hubcache/http/server.h"

namespace hubcache::http {

/// As a Site's handler: one whose answer begins within a time, whatever it waits for (DESIGN 1.6).
/// It is cancelled then, as when the client leaves, and the client gets kUpstreamTimeout. The body
/// may take longer. Costs nothing while answers come at once.
struct Prompt {
  Handler handler;
  std::chrono::milliseconds within;

  Task<Response> operator()(const Request& request) const { return handler(request); }
};

}  // namespace hubcache::http
