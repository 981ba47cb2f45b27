#include "hubcache/app/key_file.h"

#include <system_error>

#include "hubcache/base/error.h"

namespace hubcache::app {
namespace {

std::filesystem::path key_file_of(const Config& config, const std::filesystem::path& by_default) {
  if (config.storage.key_file.empty()) return by_default;
  return config.storage.key_file;
}

}  // namespace

std::filesystem::path key_file(const Config& config, const store::DataDir& data_dir) {
  if (!config.storage.key_file.empty() && std::filesystem::exists(data_dir.secrets_key())) {
    throw Error(Error::Kind::kConflict,
                "there is a key of secrets in " + data_dir.secrets_key().string() +
                    " and another in " + config.storage.key_file +
                    ": move the one that sealed them to where the other is");
  }
  return key_file_of(config, data_dir.secrets_key());
}

void require_key(const Config& config) {
  const auto file = key_file_of(config, store::DataDir::secrets_key_in(config.storage.data_dir));
  std::error_code unseen;
  if (std::filesystem::exists(file, unseen)) return;
  throw Error(Error::Kind::kNotFound,
              "the key of secrets cannot be seen in " + file.string() +
                  ": say by [storage] key_file (HUBCACHE_STORAGE_KEY_FILE) where it is");
}

}  // namespace hubcache::app
