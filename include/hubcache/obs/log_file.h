#pragma once

#include <string>

namespace hubcache::obs {

/// Has all that goes to standard error go to this file from now on, the log among it; does nothing
/// for "". The file is its owner's alone. Called again it opens what has that name by now, for
/// those who move logs away. Throws kIo, and nothing changes, when it cannot be opened. Callable
/// from any thread.
void redirect_to_file(const std::string& file);

}  // namespace hubcache::obs
