#pragma once

#include <string>
#include <vector>

#include "hubcache/app/commands.h"
#include "hubcache/app/place.h"

namespace CLI {
class App;
}

namespace hubcache::app {

/// What was said after `hubcache fetch`.
struct FetchArguments {
  bool asked = false;  // for this command at all
  std::vector<std::string> repos;
  std::string list;  // a file that names more of them; "-": standard input
  std::vector<std::string> include;
  std::vector<std::string> exclude;
  std::string distribution;
  std::string token;
  std::size_t jobs = 8;
  bool no_pin = false;
  bool dry_run = false;
  bool json = false;
  bool quiet = false;
};

/// Adds the command; parsing fills in `arguments` and `place`, which must outlive it.
void add_fetch_command(CLI::App& app, FetchArguments& arguments, Place& place);

/// Has the server that runs on the data directory fetch what is asked for, or, when none does,
/// fetches it in this process. Tells about it; returns an exit code as fetch_run.h has them. Throws
/// kBadRequest for what cannot be understood, and what keeps it from beginning.
int run_fetch_arguments(const Workplace& at, const FetchArguments& arguments);

}  // namespace hubcache::app
