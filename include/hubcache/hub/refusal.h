#pragma once

#include <string>

#include "hubcache/base/error.h"

namespace hubcache::hub {

/// The error that stands for a refusal, or a 404, of the hub's own origin: it is told to clients
/// as the Hub told it.
Error refusal_of(int status, std::string code, std::string message, std::string commit);

}  // namespace hubcache::hub
