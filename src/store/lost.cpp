// Files of blobs that no row speaks of.
#include <string>
#include <utility>
#include <vector>

#include "hubcache/store/store.h"

#include "rows.h"
#include "store_impl.h"
#include "tree.h"

namespace hubcache::store {
namespace {

constexpr int kDirectories = 256;
constexpr std::size_t kAtOnce = 1'000;  // files, and those of one directory more

struct Some {
  std::vector<Digest> digests;
  int next = 0;  // the directory after them
};

Some some_digests(Disk& disk, const Layout& layout, const std::string& algorithm, int from) {
  Some some{.digests = {}, .next = from};
  while (some.next < kDirectories && some.digests.size() < kAtOnce) {
    const std::string first = to_hex(std::string(1, static_cast<char>(some.next++)));
    const auto more = digests_in(disk, layout, algorithm, first);
    some.digests.insert(some.digests.end(), more.begin(), more.end());
  }
  return some;
}

struct Lost {
  Digest digest;
  Disk::FileSize size;
};

std::vector<Digest> without_row(db::Connection& sql, std::vector<Digest> digests) {
  std::erase_if(digests, [&](const Digest& digest) { return find_blob(sql, digest).has_value(); });
  return digests;
}

std::vector<Lost> with_sizes(Disk& disk, const Layout& layout, const std::vector<Digest>& digests) {
  std::vector<Lost> lost;
  for (const auto& digest : digests) {
    const auto file = disk.open(layout.blob(digest));
    if (file) lost.push_back({.digest = digest, .size = disk.size(*file)});
  }
  return lost;
}

}  // namespace

/// Of those directories. Who seals or adopts one of these at this very time puts its own row over
/// this one, and takes back what it counts.
Task<std::uint64_t> Store::Impl::adopt_lost_in(std::shared_ptr<Impl> self, std::string algorithm,
                                               int from, int& next) {
  auto list = [self, algorithm, from] {
    return some_digests(self->disk, self->layout, algorithm, from);
  };
  auto found = co_await offload(self->pool, std::move(list));
  next = found.next;
  if (found.digests.empty()) co_return 0;
  auto look = [digests = std::move(found.digests)](db::Connection& sql) {
    return without_row(sql, digests);
  };
  auto unknown = co_await self->database.read(std::move(look));
  if (unknown.empty()) co_return 0;
  auto measure = [self, unknown = std::move(unknown)] {
    return with_sizes(self->disk, self->layout, unknown);
  };
  auto lost = co_await offload(self->pool, std::move(measure));

  auto record = [lost = std::move(lost), now = self->clock.now()](db::Connection& sql) {
    std::pair<std::uint64_t, std::uint64_t> files_and_bytes;
    for (const auto& [digest, size] : lost) {
      if (find_blob(sql, digest)) continue;
      put_blob(sql, digest,
               {.size = size.size, .on_disk = size.on_disk, .state = BlobState::kUnverified}, now);
      ++files_and_bytes.first;
      files_and_bytes.second += size.on_disk;
    }
    return files_and_bytes;
  };
  const auto [files, bytes] = co_await self->database.write(std::move(record));
  self->space.add_used(bytes);
  co_return files;
}

Task<std::uint64_t> Store::adopt_lost() {
  const auto impl = impl_;
  std::uint64_t files = 0;
  for (const std::string algorithm : {"sha256", "gitsha1"}) {
    for (int next = 0; next < kDirectories;) {
      files += co_await Impl::adopt_lost_in(impl, algorithm, next, next);
    }
  }
  co_return files;
}

}  // namespace hubcache::store
