#pragma once

#include <functional>

#include "hubcache/app/config.h"

namespace hubcache::app {

/// Serves until SIGTERM or SIGINT and returns the exit code. A second signal ends the wait for
/// running requests. On SIGHUP what can change while serving is taken from `reload`; then, and on
/// SIGUSR1, the log's file is opened anew. Throws Error
/// when it cannot start.
int serve(Config config, const std::function<Config()>& reload);

}  // namespace hubcache::app
