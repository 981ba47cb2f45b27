#include "hubcache/store/rebuild.h"

#include <optional>
#include <string>

#include "layout.h"
#include "rows.h"

namespace hubcache::store {

std::uint64_t index_blobs(Disk& disk, const std::filesystem::path& data_dir, db::Connection& sql,
                          WallTime now) {
  sql.run("DELETE FROM blobs");
  std::uint64_t count = 0;
  const auto root = Layout(data_dir).blobs();
  for (const auto& algorithm : disk.list(root)) {
    for (const auto& first : disk.list(root / algorithm)) {
      for (const auto& rest : disk.list(root / algorithm / first)) {
        const auto digest = Digest::from_etag(first + rest);
        if (!digest || digest->algorithm_name() != algorithm) continue;
        const auto file = disk.open(root / algorithm / first / rest);
        if (!file) continue;
        const auto size = disk.size(*file);
        put_blob(sql, *digest,
                 {.size = size.size, .on_disk = size.on_disk, .state = BlobState::kUnverified},
                 now);
        ++count;
      }
    }
  }
  return count;
}

}  // namespace hubcache::store
