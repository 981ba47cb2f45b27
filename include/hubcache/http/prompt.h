#pragma once

#include <chrono>
#include <functional>

#include "hubcache/http/server.h"

namespace hubcache::http {

/// As a Site's handler: one whose answer begins within a time, whatever it waits for (DESIGN 1.6).
/// It is cancelled then, as when the client leaves, and the client gets kUpstreamTimeout. The body
/// may take longer, and so may the answers to requests that `except` names, if it is set. Costs
/// nothing while answers come at once.
struct Prompt {
  Handler handler;
  std::chrono::milliseconds within;
  std::function<bool(const Request&)> except{};

  bool holds_for(const Request& request) const { return !except || !except(request); }

  Task<Response> operator()(const Request& request) const { return handler(request); }
};

}  // namespace hubcache::http
