#include "unit/store/faulty_disk.h"

#include <algorithm>
#include <cerrno>
#include <memory>
#include <ranges>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hubcache/base/error.h"

namespace hubcache::store {
namespace {

std::uint64_t inode_of(const Fd& file) {
  struct stat about{};
  ::fstat(file.get(), &about);
  return about.st_ino;
}

}  // namespace

void FaultyDisk::fail_call(std::uint64_t n) {
  const std::lock_guard lock(mutex_);
  calls_ = 0;
  fail_at_ = n;
}

void FaultyDisk::crash_at_call(std::uint64_t n) {
  const std::lock_guard lock(mutex_);
  calls_ = 0;
  crash_at_ = n;
}

std::uint64_t FaultyDisk::calls() const {
  const std::lock_guard lock(mutex_);
  return calls_;
}

void FaultyDisk::room_for(std::uint64_t bytes) {
  const std::lock_guard lock(mutex_);
  room_ = bytes;
}

void FaultyDisk::say_free(std::uint64_t bytes) {
  const std::lock_guard lock(mutex_);
  free_ = bytes;
}

void FaultyDisk::crash(Loss loss) {
  const std::lock_guard lock(mutex_);
  for (const auto& step : std::views::reverse(undo_)) {
    const bool is_name = step.inode == 0;
    if (loss == Loss::kBoth || loss == (is_name ? Loss::kNames : Loss::kBytes)) step.revert();
  }
  undo_.clear();
  calls_ = 0;
  fail_at_ = crash_at_ = room_ = kNever;
}

void FaultyDisk::count_call() {
  ++calls_;
  if (calls_ == fail_at_ || calls_ >= crash_at_) throw Error::from_errno(EIO, "a planned failure");
}

void FaultyDisk::keep_bytes(const Fd& file, std::uint64_t offset, std::uint64_t length) {
  auto before = std::make_shared<std::vector<std::byte>>(length);
  before->resize(disk_.pread(file, offset, *before));
  const std::uint64_t size = disk_.size(file).size;
  auto again = std::make_shared<const Fd>(::dup(file.get()));
  auto revert = [this, again, before, offset, size] {
    disk_.pwrite(*again, offset, *before);
    disk_.truncate(*again, size);
  };
  undo_.push_back({.inode = inode_of(file), .directory = {}, .revert = std::move(revert)});
}

void FaultyDisk::keep_name(const std::filesystem::path& path, std::function<void()> revert) {
  undo_.push_back({.inode = 0, .directory = path.parent_path(), .revert = std::move(revert)});
}

std::filesystem::path FaultyDisk::keep_file(const std::filesystem::path& file) {
  const auto kept = attic_ / std::to_string(++kept_files_);
  std::filesystem::create_hard_link(file, kept);
  return kept;
}

std::optional<Fd> FaultyDisk::open(const std::filesystem::path& file) {
  const std::lock_guard lock(mutex_);
  count_call();
  return disk_.open(file);
}

Fd FaultyDisk::open_or_create(const std::filesystem::path& file) {
  const std::lock_guard lock(mutex_);
  count_call();
  if (!std::filesystem::exists(file)) keep_name(file, [file] { ::unlink(file.c_str()); });
  return disk_.open_or_create(file);
}

std::size_t FaultyDisk::pread(const Fd& file, std::uint64_t offset, std::span<std::byte> into) {
  const std::lock_guard lock(mutex_);
  count_call();
  return disk_.pread(file, offset, into);
}

void FaultyDisk::pwrite(const Fd& file, std::uint64_t offset, std::span<const std::byte> bytes) {
  const std::lock_guard lock(mutex_);
  count_call();
  keep_bytes(file, offset, bytes.size());
  const auto fits = std::min<std::uint64_t>(room_, bytes.size());
  disk_.pwrite(file, offset, bytes.first(fits));
  if (room_ != kNever) room_ -= fits;
  if (fits < bytes.size()) throw Error::from_errno(ENOSPC, "writing a file");
}

void FaultyDisk::truncate(const Fd& file, std::uint64_t size) {
  const std::lock_guard lock(mutex_);
  count_call();
  keep_bytes(file, 0, 0);
  disk_.truncate(file, size);
}

void FaultyDisk::fdatasync(const Fd& file) {
  const std::lock_guard lock(mutex_);
  count_call();
  std::erase_if(undo_, [inode = inode_of(file)](const Undo& step) { return step.inode == inode; });
}

void FaultyDisk::make_read_only(const Fd& file) {
  const std::lock_guard lock(mutex_);
  count_call();
  disk_.make_read_only(file);
}

Disk::FileSize FaultyDisk::size(const Fd& file) {
  const std::lock_guard lock(mutex_);
  count_call();
  return disk_.size(file);
}

std::uint64_t FaultyDisk::bytes_on_disk(const std::filesystem::path& file) {
  const std::lock_guard lock(mutex_);
  count_call();
  return disk_.bytes_on_disk(file);
}

void FaultyDisk::rename(const std::filesystem::path& from, const std::filesystem::path& to) {
  const std::lock_guard lock(mutex_);
  count_call();
  std::filesystem::path replaced;
  if (std::filesystem::exists(to)) replaced = keep_file(to);
  disk_.rename(from, to);
  keep_name(to, [from, to, replaced] {
    std::filesystem::rename(to, from);
    if (!replaced.empty()) std::filesystem::create_hard_link(replaced, to);
  });
}

bool FaultyDisk::remove(const std::filesystem::path& file) {
  const std::lock_guard lock(mutex_);
  count_call();
  if (!std::filesystem::exists(file)) return false;
  const auto kept = keep_file(file);
  keep_name(file, [file, kept] {
    if (!std::filesystem::exists(file)) std::filesystem::create_hard_link(kept, file);
  });
  return disk_.remove(file);
}

bool FaultyDisk::make_directory(const std::filesystem::path& directory) {
  const std::lock_guard lock(mutex_);
  count_call();
  const bool made = disk_.make_directory(directory);
  if (made) keep_name(directory, [directory] { std::filesystem::remove_all(directory); });
  return made;
}

void FaultyDisk::sync_directory(const std::filesystem::path& directory) {
  const std::lock_guard lock(mutex_);
  count_call();
  std::erase_if(undo_,
                [&](const Undo& step) { return step.inode == 0 && step.directory == directory; });
}

std::vector<std::string> FaultyDisk::list(const std::filesystem::path& directory) {
  const std::lock_guard lock(mutex_);
  count_call();
  return disk_.list(directory);
}

std::uint64_t FaultyDisk::free_space(const std::filesystem::path& directory) {
  const std::lock_guard lock(mutex_);
  count_call();
  return free_ == kNever ? disk_.free_space(directory) : free_;
}

}  // namespace hubcache::store
