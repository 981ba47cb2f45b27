#pragma once

#include <ctime>
#include <memory>
#include <string>

#include "connection.h"
#include "hubcache/http/server.h"
#include "request_head.h"

namespace hubcache::http {

/// What all sessions of one worker share.
struct SessionContext {
  const Site& site;
  const Limits& limits;
  const Clock& clock;
  obs::Log& log;
  std::string date{};   // of `date_at`, as the Date field spells it
  std::time_t date_at = 0;
};

/// Serves the requests of one connection, one after the other, until it ends.
Task<> serve_connection(std::shared_ptr<Connection> connection,
                        std::shared_ptr<SessionContext> context);

}  // namespace hubcache::http
