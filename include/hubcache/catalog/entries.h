#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "hubcache/base/digest.h"
#include "hubcache/db/connection.h"
#include "hubcache/hub/types.h"

namespace hubcache::catalog {

/// An entry whose digest is known, as its row has it.
struct KeptEntry {
  std::string key;    // of the row
  std::string scope;  // of the endpoint: remote and epoch
  hub::RepoId repo{};
  std::string commit;
  std::string path;
  Digest digest;
  std::uint64_t size = 0;
};
/// All of them, in a transaction of the caller's. For lists that are read now and then: it looks at
/// every row.
void each_entry(db::Connection& sql, const std::function<void(const KeptEntry&)>& take);

}  // namespace hubcache::catalog
