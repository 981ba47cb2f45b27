#include "hubcache/content/stored_table.h"

#include <algorithm>
#include <mutex>
#include <utility>

namespace hubcache::content {
namespace {

// One that has so many of so many reads here is hot: at most 1,024 are at a time, of 4,096 that
// WarmFiles holds on all workers together. What is read at random of far more files stays out.
constexpr std::uint32_t kHotReads = 16;
constexpr std::uint32_t kHotWindow = 16'384;
constexpr std::uint32_t kUseInterval = 10;  // minutes
constexpr std::size_t kRowBytes = 256;      // at most: its place in a table that has just grown

template <typename T>
std::atomic_ref<T> as_atomic(T& value) {
  return std::atomic_ref<T>(value);
}

}  // namespace

StoredTable::File StoredTable::file_in(const Row& row) {
  return {.digest = row.digest, .on_disk = row.on_disk, .lfs = row.lfs};
}

std::optional<StoredTable::Found> StoredTable::find(const Name& name, bool is_read,
                                                    std::chrono::minutes now) {
  const std::shared_lock lock(mutex_, std::try_to_lock);
  if (!lock) return std::nullopt;
  const auto folder = folders_.find(name.folder);
  if (folder == folders_.end()) return std::nullopt;
  const auto found = folder->second.files.find(name.path);
  if (found == folder->second.files.end()) return std::nullopt;
  auto& row = found->second;
  const auto uses = uses_.fetch_add(1, std::memory_order_relaxed);
  as_atomic(folder->second.used).store(uses, std::memory_order_relaxed);
  return Found{.ground = folder->second.ground,
               .file = file_in(row),
               .is_hot = is_hot(row, uses),
               .is_use_due = is_read && is_use_due(row, static_cast<std::uint32_t>(now.count()))};
}

bool StoredTable::is_hot(Row& row, std::uint64_t uses) {
  const auto now = static_cast<std::uint32_t>(uses);
  const auto counted_from = as_atomic(row.counted_from);
  const auto reads = as_atomic(row.reads);
  if (now - counted_from.load(std::memory_order_relaxed) > kHotWindow) {
    counted_from.store(now, std::memory_order_relaxed);
    reads.store(0, std::memory_order_relaxed);
  }
  if (reads.fetch_add(1, std::memory_order_relaxed) + 1 < kHotReads) return false;
  reads.store(0, std::memory_order_relaxed);
  return true;
}

bool StoredTable::is_use_due(Row& row, std::uint32_t now) {
  const auto used = as_atomic(row.used);
  if (now - used.load(std::memory_order_relaxed) < kUseInterval) return false;
  used.store(now, std::memory_order_relaxed);
  return true;
}

bool StoredTable::keep(const Name& name, const Ground& ground, const File& file,
                       std::chrono::minutes now) {
  Row row{.digest = file.digest,
          .on_disk = file.on_disk,
          .lfs = file.lfs,
          .used = static_cast<std::uint32_t>(now.count())};
  Gone gone;
  const std::unique_lock lock(mutex_, std::try_to_lock);
  if (!lock) return false;
  auto& folder = folder_at(name.folder, ground, gone);
  const auto before = folder.files.find(name.path);
  if (before != folder.files.end()) {
    row.counted_from = before->second.counted_from;
    row.reads = before->second.reads;
    before->second = row;
    return true;
  }
  const std::size_t needed = kRowBytes + name.path.size();
  if (bytes_ + needed > limits_.bytes && folders_.size() > 1) drop_oldest(gone);
  if (bytes_ + needed > limits_.bytes) return false;
  folder.files.emplace(std::string(name.path), row);
  folder.bytes += needed;
  bytes_ += needed;
  return false;
}

std::optional<StoredTable::File> StoredTable::file_of(const store::Disk::FileSize& on_disk) const {
  const std::shared_lock lock(mutex_);
  for (const auto& [name, folder] : folders_) {
    const auto found = std::ranges::find_if(folder.files, [&on_disk](const auto& file) {
      return file.second.on_disk.is_same_file(on_disk);
    });
    if (found != folder.files.end()) return file_in(found->second);
  }
  return std::nullopt;
}

/// It is the one that was used last, so drop_oldest() drops another.
StoredTable::Folder& StoredTable::folder_at(std::string_view name, const Ground& ground,
                                            Gone& gone) {
  const auto uses = uses_.fetch_add(1, std::memory_order_relaxed);
  const auto known = folders_.find(name);
  if (known == folders_.end()) {
    if (folders_.size() >= limits_.folders) drop_oldest(gone);
    Folder folder{.ground = std::make_shared<const Ground>(ground), .used = uses};
    return folders_.emplace(std::string(name), std::move(folder)).first->second;
  }
  auto& folder = known->second;
  if (!folder.ground->is_same(ground)) {
    drop(folder, gone);
    folder = Folder{.ground = std::make_shared<const Ground>(ground)};
  }
  folder.used = uses;
  return folder;
}

void StoredTable::drop_oldest(Gone& gone) {
  const auto oldest =
      std::ranges::min_element(folders_, {}, [](const auto& folder) { return folder.second.used; });
  if (oldest == folders_.end()) return;
  drop(oldest->second, gone);
  folders_.erase(oldest);
}

void StoredTable::drop(Folder& folder, Gone& gone) {
  bytes_ -= folder.bytes;
  gone.push_back(std::move(folder));
}

}  // namespace hubcache::content
