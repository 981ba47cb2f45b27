#pragma once

#include <cerrno>
#include <condition_variable>
#include <filesystem>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "hubcache/base/error.h"
#include "hubcache/store/disk.h"

namespace hubcache::fill::test {

/// A disk whose reads can be made to wait: hashing, and so verification, stands still. It can also
/// be full: nothing more is written.
class GatedDisk final : public store::Disk {
 public:
  using Path = std::filesystem::path;

  void set_open(bool open) {
    const std::lock_guard lock(mutex_);
    open_ = open;
    moved_.notify_all();
  }

  void set_full(bool full) {
    const std::lock_guard lock(mutex_);
    full_ = full;
  }

  std::size_t pread(const Fd& file, std::uint64_t offset, std::span<std::byte> into) override {
    std::unique_lock lock(mutex_);
    moved_.wait(lock, [&] { return open_; });
    lock.unlock();
    return disk_.pread(file, offset, into);
  }
  std::optional<Fd> open(const Path& file) override { return disk_.open(file); }
  Fd open_or_create(const Path& file) override { return disk_.open_or_create(file); }
  void pwrite(const Fd& file, std::uint64_t offset, std::span<const std::byte> bytes) override {
    const std::unique_lock lock(mutex_);
    if (full_) throw Error::from_errno(ENOSPC, "a full disk");
    disk_.pwrite(file, offset, bytes);
  }
  void truncate(const Fd& file, std::uint64_t size) override { disk_.truncate(file, size); }
  void fdatasync(const Fd& file) override { disk_.fdatasync(file); }
  void make_read_only(const Fd& file) override { disk_.make_read_only(file); }
  FileSize size(const Fd& file) override { return disk_.size(file); }
  std::uint64_t bytes_on_disk(const Path& file) override { return disk_.bytes_on_disk(file); }
  void rename(const Path& from, const Path& to) override { disk_.rename(from, to); }
  bool remove(const Path& file) override { return disk_.remove(file); }
  bool make_directory(const Path& directory) override { return disk_.make_directory(directory); }
  void sync_directory(const Path& directory) override { disk_.sync_directory(directory); }
  std::vector<std::string> list(const Path& directory) override { return disk_.list(directory); }
  std::uint64_t free_space(const Path& directory) override { return disk_.free_space(directory); }

 private:
  store::PosixDisk disk_;
  std::mutex mutex_;  // reads come from a pool's threads
  std::condition_variable moved_;
  bool open_ = true;
  bool full_ = false;
};

}  // namespace hubcache::fill::test
