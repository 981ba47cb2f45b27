#include "part.h"

#include "hubcache/base/error.h"

#include "map_record.h"

namespace hubcache::store {
namespace {

constexpr std::uint64_t kRecord = MapRecord::kSize;

}  // namespace

Part::Part(std::shared_ptr<Shared> shared, Plan plan)
    : shared_(std::move(shared)),
      disk_(shared_->disk),
      layout_(shared_->layout),
      plan_(std::move(plan)),
      reservation_(shared_->space, plan_.already_used) {}

Part::Opened Part::open(std::shared_ptr<Shared> shared, const Plan& plan) {
  // Before anything is made of that size, the map included.
  shared->space.require_sane(plan.size);
  auto part = std::make_shared<Part>(std::move(shared), plan);
  BlockMap blocks = part->resume();
  if (plan.whole) part->promise_missing(blocks);
  part->reservation_.settle(part->disk_.size(*part->file_).on_disk);
  return {.part = std::move(part), .blocks = std::move(blocks)};
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
  file_ = std::make_shared<const Fd>(disk_.open_or_create(path));
  map_ = disk_.open_or_create(layout_.map(plan_.name));
  disk_.truncate(*file_, plan_.size);
  disk_.sync_directory(layout_.fills());
  return recorded_blocks();
}

void Part::promise_missing(const BlockMap& blocks) {
  std::uint64_t missing = 0;
  for (const auto& gap : blocks.missing({.begin = 0, .end = plan_.size})) missing += gap.length();
  try {
    reservation_.extend(missing);
  } catch (...) {
    if (blocks.blocks_present() == 0) remove_files(disk_, layout_, plan_.name);
    throw;
  }
}

BlockMap Part::recorded_blocks() {
  BlockMap blocks(plan_.size);
  std::vector<std::byte> bytes(disk_.size(map_).size);
  bytes.resize(disk_.pread(map_, 0, bytes));
  std::uint64_t at = 0;
  for (; at + kRecord <= bytes.size(); at += kRecord) {
    const auto raw = std::span(bytes).subspan(at).first<MapRecord::kSize>();
    const auto record = MapRecord::decode(raw, plan_.digest, plan_.size);
    if (!record) continue;
    const std::uint64_t end = std::uint64_t{record->first} + record->count;
    for (std::uint64_t block = record->first; block < end && block < blocks.block_count();
         ++block) {
      blocks.mark_block(block);
    }
  }
  // A torn tail is written over, so records stay aligned.
  map_end_ = at;
  return blocks;
}

void Part::write(std::span<const ByteSpan> spans, std::uint64_t offset,
                 std::span<const std::byte> bytes) {
  for (const auto& span : spans) {
    reservation_.spend(span.length(), plan_.size);
    disk_.pwrite(*file_, span.begin, bytes.subspan(span.begin - offset, span.length()));
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
  reservation_.settle(0);
}

}  // namespace hubcache::store
