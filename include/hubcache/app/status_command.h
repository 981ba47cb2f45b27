#pragma once

#include <nlohmann/json_fwd.hpp>

#include "hubcache/app/commands.h"
#include "hubcache/base/task.h"

namespace hubcache::app {

/// {"do": "status"}: how the server is, from the numbers that the metrics show; without a server,
/// what the data directory tells. docs/operations.md says what is in it.
Task<nlohmann::json> run_status_command(Workbench bench);

}  // namespace hubcache::app
