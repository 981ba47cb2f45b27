#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <limits>
#include <mutex>
#include <vector>

#include "hubcache/store/disk.h"

namespace hubcache::store {

/// A disk that fails when it is told to, runs out of space, and forgets in a crash what was not
/// synced: bytes until fdatasync() of their file, names until sync_directory() of their directory.
/// It works on real files below a directory of the test's.
class FaultyDisk final : public Disk {
 public:
  enum class Loss { kNothing, kBytes, kNames, kBoth };

  /// `attic` is an empty directory on the same file system, for files that may have to come back.
  explicit FaultyDisk(std::filesystem::path attic) : attic_(std::move(attic)) {}

  static constexpr std::uint64_t kNever = std::numeric_limits<std::uint64_t>::max();

  /// The nth call from now on fails, once; n counts from 1.
  void fail_call(std::uint64_t n);
  void stop_failing() { fail_call(kNever); }
  /// The nth call from now on fails, and so does every later one, until crash().
  void crash_at_call(std::uint64_t n);
  /// The machine went down and is up again: loses what was not synced, and works again.
  void crash(Loss loss);
  /// Calls since fail_call(), crash_at_call() or crash().
  std::uint64_t calls() const;
  /// Writing fails for want of space after this many more bytes.
  void room_for(std::uint64_t bytes);
  /// What free_space() says.
  void say_free(std::uint64_t bytes);

  std::optional<Fd> open(const std::filesystem::path& file) override;
  Fd open_or_create(const std::filesystem::path& file) override;
  std::size_t pread(const Fd& file, std::uint64_t offset, std::span<std::byte> into) override;
  void pwrite(const Fd& file, std::uint64_t offset, std::span<const std::byte> bytes) override;
  void truncate(const Fd& file, std::uint64_t size) override;
  void fdatasync(const Fd& file) override;
  void make_read_only(const Fd& file) override;
  FileSize size(const Fd& file) override;
  std::uint64_t bytes_on_disk(const std::filesystem::path& file) override;
  void rename(const std::filesystem::path& from, const std::filesystem::path& to) override;
  bool remove(const std::filesystem::path& file) override;
  bool make_directory(const std::filesystem::path& directory) override;
  void sync_directory(const std::filesystem::path& directory) override;
  std::vector<std::string> list(const std::filesystem::path& directory) override;
  std::uint64_t free_space(const std::filesystem::path& directory) override;

 private:
  /// How to take back one step that is not durable yet.
  struct Undo {
    std::uint64_t inode = 0;          // of bytes; 0 for names
    std::filesystem::path directory;  // of names
    std::function<void()> revert;
  };

  void count_call();
  void keep_bytes(const Fd& file, std::uint64_t offset, std::uint64_t length);
  void keep_name(const std::filesystem::path& path, std::function<void()> revert);
  std::filesystem::path keep_file(const std::filesystem::path& file);

  mutable std::mutex mutex_;
  PosixDisk disk_;
  std::filesystem::path attic_;
  std::vector<Undo> undo_;
  std::uint64_t calls_ = 0;
  std::uint64_t fail_at_ = kNever;
  std::uint64_t crash_at_ = kNever;
  std::uint64_t room_ = kNever;
  std::uint64_t free_ = kNever;
  std::uint64_t kept_files_ = 0;
};

}  // namespace hubcache::store
