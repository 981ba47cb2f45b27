#include "hubcache/app/key_file.h"

#include "hubcache/base/error.h"

namespace hubcache::app {

std::filesystem::path key_file(const Config& config, const store::DataDir& data_dir) {
  if (config.storage.key_file.empty()) return data_dir.secrets_key();
  if (std::filesystem::exists(data_dir.secrets_key())) {
    throw Error(Error::Kind::kConflict,
                "there is a key of secrets in " + data_dir.secrets_key().string() +
                    " and another in " + config.storage.key_file +
                    ": move the one that sealed them to where the other is");
  }
  return config.storage.key_file;
}

}  // namespace hubcache::app
