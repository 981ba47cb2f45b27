#pragma once

#include "hubcache/app/config.h"

namespace hubcache::app {

/// Serves until SIGTERM or SIGINT and returns the exit code. A second signal ends the wait for
/// running requests. Throws Error when it cannot start.
int serve(Config config);

}  // namespace hubcache::app
