#include "hubcache/store/rebuild.h"

#include <optional>
#include <string>

#include "rows.h"
#include "tree.h"

namespace hubcache::store {

std::uint64_t index_blobs(Disk& disk, const std::filesystem::path& data_dir, db::Connection& sql,
                          WallTime now) {
  sql.run("DELETE FROM blobs");
  std::uint64_t count = 0;
  const Layout layout(data_dir);
  for (const auto& algorithm : disk.list(layout.blobs())) {
    for (const auto& first : disk.list(layout.blobs() / algorithm)) {
      for (const auto& digest : digests_in(disk, layout, algorithm, first)) {
        const auto file = disk.open(layout.blob(digest));
        if (!file) continue;
        const auto size = disk.size(*file);
        put_blob(sql, digest,
                 {.size = size.size, .on_disk = size.on_disk, .state = BlobState::kUnverified},
                 now);
        ++count;
      }
    }
  }
  return count;
}

}  // namespace hubcache::store
