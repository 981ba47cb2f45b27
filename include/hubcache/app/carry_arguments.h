#pragma once

#include <optional>
#include <string>
#include <vector>

#include "hubcache/app/commands.h"
#include "hubcache/app/place.h"

namespace CLI {
class App;
}

namespace hubcache::app {

/// What was said after `hubcache export` or `import`.
struct CarryArguments {
  std::optional<std::string> verb;  // "export" or "import"; nullopt: none was asked for
  std::string remote;
  std::vector<std::string> commits;  // REPO or REPO@REV
  std::vector<std::string> globs;    // of --include
  std::string to;                    // a directory, or "-"
  std::string from;                  // the same
  std::string hf_home;
  bool check = false;
  bool local_access = false;
  bool replace = false;
};

/// Adds the commands; parsing fills in `arguments` and `place`, which must outlive it.
void add_carry_commands(CLI::App& app, CarryArguments& arguments, Place& place);

/// Does it and says what came of it. Returns 0, and 1 when something was missing or not right: the
/// rest is done. Throws what Orders::give() throws, and kBadRequest.
int run_carry_arguments(const Workplace& at, const CarryArguments& arguments);

}  // namespace hubcache::app
