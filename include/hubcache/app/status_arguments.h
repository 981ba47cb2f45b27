#pragma once

#include <string>

#include "hubcache/app/commands.h"
#include "hubcache/app/place.h"

namespace CLI {
class App;
}

namespace hubcache::app {

/// What was said after `hubcache status`.
struct StatusArguments {
  bool asked = false;
  bool json = false;
};

/// Adds the command; parsing fills in `arguments` and `place`, which must outlive it.
void add_status_command(CLI::App& app, StatusArguments& arguments, Place& place);

/// Prints how the server is. Returns 0, and 3 when none runs on the data directory. Throws what
/// order_command() throws.
int run_status_arguments(const Workplace& at, const StatusArguments& arguments);

}  // namespace hubcache::app
