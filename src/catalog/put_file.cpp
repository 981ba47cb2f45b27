#include "put_file.h"

#include "hubcache/base/digest.h"

namespace hubcache::catalog {

void put_file(db::Connection& sql, const std::string& commit_key, const TreeFile& file) {
  const bool lfs = file.digest.algorithm() == Digest::Algorithm::kSha256;
  sql.run(
      "INSERT OR REPLACE INTO entries (key, present, etag, digest, size, lfs, xet) "
      "VALUES (?1, 1, ?2, 1, ?3, ?4, ?5)",
      commit_key + '\n' + file.path, file.digest.hex(), static_cast<std::int64_t>(file.size), lfs,
      file.xet);
}

}  // namespace hubcache::catalog
