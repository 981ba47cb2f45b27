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

/// What was said after `hubcache ls`, `rm`, `pin`, `unpin`, `verify`, `gc` or `rebuild`.
struct BlobArguments {
  std::optional<std::string> verb;  // "ls" and so on; nullopt: none was asked for
  std::vector<std::string> digests;
  std::string rate;
  std::string protection = "24 h";
  bool json = false;  // what is printed is JSON, one object a line
};

/// Adds the commands; parsing fills in `arguments` and `place`, which must outlive it.
void add_blob_commands(CLI::App& app, BlobArguments& arguments, Place& place);

/// Does it and prints what came of it. Returns 0, and 1 when `verify` found what was not right,
/// `rm` something that was not there, or `rebuild` could not take over all. Throws what
/// order_command() and rebuild_database() throw, and kBadRequest.
int run_blob_arguments(const Workplace& at, const BlobArguments& arguments);

}  // namespace hubcache::app
