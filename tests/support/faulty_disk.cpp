#include "support/faulty_disk.h"

#include <algorithm>
#include <cerrno>
#include <memory>
#include <ranges>
#include <string>
#include <system_error>
#include <vector>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hubcache/base/error.h"

namespace hubcache::test {
namespace {

std::string inode_of(const Fd& file) {
  struct stat about{};
  ::fstat(file.get(), &about);
  return std::to_string(about.st_ino);
}

}  // namespace

void FaultyDisk::fail_call(std::uint64_t n) {
  const std::lock_guard lock(mutex_);
  calls_ = 0;
  fail_at_ = n;
}

void FaultyDisk::stop_failing() {
  const std::lock_guard lock(mutex_);
  fail_at_ = kNever;
  failing_.clear();
}

void FaultyDisk::fail(Call kind, int code) {
  const std::lock_guard lock(mutex_);
  failing_[kind] = code;
}

void FaultyDisk::hold(Call kind) {
  const std::lock_guard lock(mutex_);
  held_.insert(kind);
}

void FaultyDisk::release() {
  const std::lock_guard lock(mutex_);
  held_.clear();
  released_.notify_all();
}

std::size_t FaultyDisk::waiting() const {
  const std::lock_guard lock(mutex_);
  return waiting_;
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

void FaultyDisk::say_size(std::uint64_t bytes) {
  const std::lock_guard lock(mutex_);
  size_ = bytes;
  least_free_ = kNever;
}

std::uint64_t FaultyDisk::least_free() const {
  const std::lock_guard lock(mutex_);
  return least_free_;
}

std::uint64_t FaultyDisk::free_below(const Path& directory) {
  std::uint64_t used = 0;
  for (const auto& file : std::filesystem::recursive_directory_iterator(directory)) {
    if (file.is_regular_file()) used += disk_.bytes_on_disk(file.path());
  }
  return size_ - std::min(size_, used);
}

void FaultyDisk::crash(Loss loss) {
  const std::lock_guard lock(mutex_);
  for (const auto& step : std::views::reverse(undo_)) {
    if (loss == Loss::kBoth || loss == (step.is_name ? Loss::kNames : Loss::kBytes)) step.revert();
  }
  undo_.clear();
  failing_.clear();
  calls_ = 0;
  fail_at_ = crash_at_ = room_ = kNever;
}

void FaultyDisk::wait(Lock& lock, Call kind) {
  ++waiting_;
  released_.wait(lock, [&] { return !held_.contains(kind); });
  --waiting_;
}

void FaultyDisk::wait_for(Call kind) {
  Lock lock(mutex_);
  wait(lock, kind);
}

FaultyDisk::Lock FaultyDisk::begin(Call kind) {
  Lock lock(mutex_);
  wait(lock, kind);
  ++calls_;
  if (calls_ == fail_at_ || calls_ >= crash_at_) throw Error::from_errno(EIO, "a planned failure");
  const auto failing = failing_.find(kind);
  if (failing != failing_.end()) throw Error::from_errno(failing->second, "a failing disk");
  return lock;
}

int FaultyDisk::count_other(Call kind) {
  try {
    const auto lock = begin(kind);
    return 0;
  } catch (const Error& error) {
    return error.kind() == Error::Kind::kNoSpace ? ENOSPC : EIO;
  }
}

void FaultyDisk::remember_other(std::string owner, std::function<void()> revert) {
  const std::lock_guard lock(mutex_);
  undo_.push_back({.is_name = false, .owner = std::move(owner), .revert = std::move(revert)});
}

void FaultyDisk::sync_other(const std::string& owner) {
  const std::lock_guard lock(mutex_);
  forget(false, owner);
}

void FaultyDisk::forget(bool is_name, const std::string& owner) {
  std::erase_if(undo_,
                [&](const Undo& step) { return step.is_name == is_name && step.owner == owner; });
}

void FaultyDisk::keep_bytes(const Fd& file, std::uint64_t offset, std::uint64_t length) {
  if (attic_.empty()) return;
  auto before = std::make_shared<std::vector<std::byte>>(length);
  before->resize(disk_.pread(file, offset, *before));
  const std::uint64_t size = disk_.size(file).size;
  auto again = std::make_shared<const Fd>(::dup(file.get()));
  auto revert = [this, again, before, offset, size] {
    disk_.pwrite(*again, offset, *before);
    disk_.truncate(*again, size);
  };
  undo_.push_back({.is_name = false, .owner = inode_of(file), .revert = std::move(revert)});
}

void FaultyDisk::keep_name(const Path& path, std::function<void()> revert) {
  if (attic_.empty()) return;
  undo_.push_back({.is_name = true, .owner = path.parent_path(), .revert = std::move(revert)});
}

FaultyDisk::Path FaultyDisk::keep_file(const Path& file) {
  if (attic_.empty()) return {};
  auto kept = attic_ / std::to_string(++kept_files_);
  std::filesystem::create_hard_link(file, kept);
  return kept;
}

// The memory of a process reads as EIO where there is none, and cannot be sent to a socket.
void FaultyDisk::spoil_open(const Path& file) {
  const Fd unreadable(::open("/proc/self/mem", O_RDONLY | O_CLOEXEC));
  std::vector<int> open;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    std::error_code gone;
    if (std::filesystem::read_symlink(entry.path(), gone) == file) {
      open.push_back(std::stoi(entry.path().filename().string()));
    }
  }
  for (const int descriptor : open) ::dup3(unreadable.get(), descriptor, O_CLOEXEC);
}

std::optional<Fd> FaultyDisk::open(const Path& file) {
  const auto lock = begin(Call::kOpen);
  return disk_.open(file);
}

std::optional<Fd> FaultyDisk::open_at_once(const std::string& file) {
  {
    const Lock lock(mutex_);
    if (held_.contains(Call::kOpen) || held_.contains(Call::kLook)) return std::nullopt;
  }
  try {
    const auto lock = begin(Call::kOpen);
    return disk_.open_at_once(file);
  } catch (const Error&) {
    return std::nullopt;
  }
}

Fd FaultyDisk::open_or_create(const Path& file) {
  const auto lock = begin(Call::kCreate);
  if (!std::filesystem::exists(file)) keep_name(file, [file] { ::unlink(file.c_str()); });
  return disk_.open_or_create(file);
}

std::size_t FaultyDisk::pread(const Fd& file, std::uint64_t offset, std::span<std::byte> into) {
  const auto lock = begin(Call::kRead);
  return disk_.pread(file, offset, into);
}

void FaultyDisk::pwrite(const Fd& file, std::uint64_t offset, std::span<const std::byte> bytes) {
  const auto lock = begin(Call::kWrite);
  keep_bytes(file, offset, bytes.size());
  const auto fits = std::min<std::uint64_t>(room_, bytes.size());
  disk_.pwrite(file, offset, bytes.first(fits));
  if (room_ != kNever) room_ -= fits;
  if (!measured_.empty()) least_free_ = std::min(least_free_, free_below(measured_));
  if (fits < bytes.size()) throw Error::from_errno(ENOSPC, "writing a file");
}

void FaultyDisk::truncate(const Fd& file, std::uint64_t size) {
  const auto lock = begin(Call::kWrite);
  keep_bytes(file, 0, 0);
  disk_.truncate(file, size);
}

void FaultyDisk::fdatasync(const Fd& file) {
  const auto lock = begin(Call::kSync);
  forget(false, inode_of(file));
}

void FaultyDisk::make_read_only(const Fd& file) {
  const auto lock = begin(Call::kName);
  disk_.make_read_only(file);
}

store::Disk::FileSize FaultyDisk::size(const Fd& file) {
  const auto lock = begin(Call::kLook);
  return disk_.size(file);
}

std::uint64_t FaultyDisk::bytes_on_disk(const Path& file) {
  const auto lock = begin(Call::kLook);
  return disk_.bytes_on_disk(file);
}

void FaultyDisk::rename(const Path& from, const Path& to) {
  const auto lock = begin(Call::kName);
  Path replaced;
  if (std::filesystem::exists(to)) replaced = keep_file(to);
  disk_.rename(from, to);
  keep_name(to, [from, to, replaced] {
    std::filesystem::rename(to, from);
    if (!replaced.empty()) std::filesystem::create_hard_link(replaced, to);
  });
}

bool FaultyDisk::remove(const Path& file) {
  const auto lock = begin(Call::kName);
  if (!std::filesystem::is_regular_file(file)) return disk_.remove(file);
  const auto kept = keep_file(file);
  keep_name(file, [file, kept] {
    if (!std::filesystem::exists(file)) std::filesystem::create_hard_link(kept, file);
  });
  return disk_.remove(file);
}

bool FaultyDisk::make_directory(const Path& directory) {
  const auto lock = begin(Call::kName);
  const bool made = disk_.make_directory(directory);
  if (made) keep_name(directory, [directory] { std::filesystem::remove_all(directory); });
  return made;
}

void FaultyDisk::sync_directory(const Path& directory) {
  const auto lock = begin(Call::kSync);
  forget(true, directory);
}

std::vector<std::string> FaultyDisk::list(const Path& directory) {
  const auto lock = begin(Call::kLook);
  return disk_.list(directory);
}

std::uint64_t FaultyDisk::free_space(const Path& directory) {
  const auto lock = begin(Call::kLook);
  if (size_ != kNever) {
    measured_ = directory;
    return free_below(directory);
  }
  return free_ == kNever ? disk_.free_space(directory) : free_;
}

}  // namespace hubcache::test
