#include "part.h"

#include <algorithm>

#include "hubcache/base/error.h"

#include "map_record.h"

namespace hubcache::store {
namespace {

constexpr std::uint64_t kRecord = MapRecord::kSize;

/// Every block recorded by itself: more records than that are never written.
std::uint64_t most_of_map(std::uint64_t size) {
  return on_pages((size / kBlockSize + 1) * kRecord);
}

}  // namespace

Part::Part(std::shared_ptr<Shared> shared, Plan plan)
    : shared_(std::move(shared)),
      disk_(shared_->disk),
      layout_(shared_->layout),
      plan_(std::move(plan)),
      reservation_(shared_->space, plan_.already_used) {}

std::uint64_t Part::most_on_disk(std::uint64_t size) { return on_pages(size) + most_of_map(size); }

Part::Opened Part::open(std::shared_ptr<Shared> shared, const Plan& plan) {
  auto part = std::make_shared<Part>(std::move(shared), plan);
  try {
    BlockMap blocks = part->resume();
    part->promise(blocks);
    part->count_on_disk();
    return {.part = part, .blocks = std::move(blocks)};
  } catch (...) {
    part->take_back();
    throw;
  }
}

/// Of a fill that is just beginning nothing is recorded: nothing has to be synced, for which there
/// may be no descriptor.
void Part::take_back() {
  if (plan_.already_used == 0) {
    disk_.remove(layout_.part(plan_.name));
    disk_.remove(layout_.map(plan_.name));
  }
  reservation_.settle(plan_.already_used);
}

void Part::remove_files(Disk& disk, const Layout& layout, const std::string& name) {
  // The map durably first: records must never outlive the bytes they speak of.
  if (disk.remove(layout.map(name))) disk.sync_directory(layout.fills());
  disk.remove(layout.part(name));
}

BlockMap Part::resume() {
  const auto path = layout_.part(plan_.name);
  if (const auto left = disk_.open(path); !left || disk_.size(*left).size != plan_.size) {
    remove_files(disk_, layout_, plan_.name);
  }
  const auto file = Shared::hold(shared_, plan_.digest);
  *file = disk_.open_or_create(path);
  file_ = file;
  map_ = disk_.open_or_create(layout_.map(plan_.name));
  disk_.truncate(*file_, plan_.size);
  return recorded_blocks();
}

void Part::promise(const BlockMap& blocks) {
  claimed_.resize(blocks.block_count());
  std::uint64_t missing = 0;
  for (std::uint64_t block = 0; block < blocks.block_count(); ++block) {
    claimed_[block] = blocks.has(block);
    if (!claimed_[block]) missing += on_pages(blocks.span_of(block).length());
  }
  const std::uint64_t map = most_of_map(plan_.size);
  reservation_.extend(plan_.whole ? missing + map : map);
  reservation_.spend(map, map);
}

/// The map may still grow.
void Part::count_on_disk() {
  reservation_.settle(disk_.size(*file_).on_disk + most_of_map(plan_.size));
}

/// By whole blocks, at their first byte: what the disk allots for pieces of a block is never more.
void Part::claim(ByteSpan span) {
  const std::lock_guard lock(claims_mutex_);
  const std::uint64_t last = BlockMap::block_of(span.end - 1);
  for (std::uint64_t block = BlockMap::block_of(span.begin); block <= last; ++block) {
    if (claimed_[block]) continue;
    const std::uint64_t begin = block * kBlockSize;
    reservation_.spend(on_pages(std::min(kBlockSize, plan_.size - begin)),
                       most_on_disk(plan_.size));
    claimed_[block] = true;
  }
}

BlockMap Part::recorded_blocks() {
  std::vector<std::byte> bytes(disk_.size(map_).size);
  bytes.resize(disk_.pread(map_, 0, bytes));
  auto map = read_map(bytes, plan_.digest, plan_.size);
  map_end_ = map.end;  // so records stay aligned
  return std::move(map.blocks);
}

void Part::write(std::span<const ByteSpan> spans, std::uint64_t offset,
                 std::span<const std::byte> bytes) {
  for (const auto& span : spans) {
    claim(span);
    disk_.pwrite(*file_, span.begin, bytes.subspan(span.begin - offset, span.length()));
    reservation_.written(span.length());
  }
}

void Part::sync_bytes() {
  if (damaged_) throw Error(Error::Kind::kIo, "the disk failed", "an earlier sync failed");
  try {
    disk_.fdatasync(*file_);
  } catch (...) {
    // The kernel reports lost pages once and then counts them as clean.
    damaged_ = true;
    throw;
  }
}

void Part::checkpoint(std::span<const std::uint64_t> blocks) {
  const std::lock_guard lock(mutex_);
  if (blocks.empty()) return;
  sync_bytes();
  // Not before: the first byte of a fill waits for no sync.
  if (!named_) disk_.sync_directory(layout_.fills());
  named_ = true;
  std::vector<std::byte> bytes;
  for (const auto& record : records_of({blocks.begin(), blocks.end()})) {
    const auto encoded = record.encode(plan_.digest, plan_.size);
    bytes.insert(bytes.end(), encoded.begin(), encoded.end());
  }
  disk_.pwrite(map_, map_end_, bytes);
  map_end_ += bytes.size();
  disk_.fdatasync(map_);
}

std::uint64_t Part::seal() {
  const std::lock_guard lock(mutex_);
  if (!renamed_) {
    sync_bytes();
    disk_.rename(layout_.part(plan_.name), layout_.blob(plan_.digest));
    renamed_ = true;
  }
  // After the rename: a part nobody may write could not be resumed.
  disk_.make_read_only(*file_);
  disk_.sync_directory(layout_.blob_directory(plan_.digest));
  disk_.remove(layout_.map(plan_.name));
  disk_.sync_directory(layout_.fills());
  reservation_.settle(disk_.size(*file_).on_disk);
  return reservation_.spent();
}

void Part::discard() {
  const std::lock_guard lock(mutex_);
  if (!renamed_) remove_files(disk_, layout_, plan_.name);
  shared_->removed(plan_.digest, reservation_.hand_over());
}

std::uint64_t Part::park() noexcept {
  if (!renamed_) return reservation_.spent();
  shared_->space.remove_used(reservation_.hand_over());
  return 0;
}

}  // namespace hubcache::store
