#pragma once

#include <string>
#include <vector>

namespace hubcache::app {

/// Runs what the arguments ask for and returns the exit code: 0, 1 when it failed, 2 when the
/// arguments or the configuration cannot be understood.
int run_command_line(int argc, const char* const* argv,
                     const std::vector<std::string>& environment);

}  // namespace hubcache::app
