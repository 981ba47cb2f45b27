#pragma once

#include <filesystem>

#include "hubcache/app/config.h"
#include "hubcache/store/data_dir.h"

namespace hubcache::app {

/// The file with the key of all stored secrets: the configured one, else that in the data
/// directory. Throws kConflict when both are there: one of them opens nothing.
std::filesystem::path key_file(const Config& config, const store::DataDir& data_dir);

/// For who opens data that are there already: throws kNotFound, which names the setting, when that
/// file is not there or cannot be seen. The server would make a key; here it would be a second one.
void require_key(const Config& config);

}  // namespace hubcache::app
