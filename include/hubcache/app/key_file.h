#pragma once

#include <filesystem>

#include "hubcache/app/config.h"
#include "hubcache/store/data_dir.h"

namespace hubcache::app {

/// The file with the key of all stored secrets: the configured one, else that in the data
/// directory. Throws kConflict when both are there: one of them opens nothing.
std::filesystem::path key_file(const Config& config, const store::DataDir& data_dir);

}  // namespace hubcache::app
