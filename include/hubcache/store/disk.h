#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "hubcache/base/fd.h"

namespace hubcache::store {

/// What the store asks of a file system. Calls block, so workers make them through a pool, but for
/// open_at_once() and size(); each is callable from any thread and throws Error (kNoSpace, kIo)
/// when it fails.
class Disk {
 public:
  struct FileSize {
    std::uint64_t size = 0;
    std::uint64_t on_disk = 0;  // bytes of disk it takes; holes take none
    std::uint64_t inode = 0;
    std::int64_t modified = 0;  // ns

    /// Is it the same file, with the bytes that it had? Another in its place is not.
    bool is_same_file(const FileSize& other) const {
      return size == other.size && inode == other.inode && modified == other.modified;
    }
  };

  virtual ~Disk() = default;

  /// For reading; nullopt when there is no such file.
  virtual std::optional<Fd> open(const std::filesystem::path& file) = 0;
  /// The same without a wait for a disk: nullopt also when that would be needed, or it fails.
  virtual std::optional<Fd> open_at_once(const std::string& file) = 0;
  /// For reading and writing; created, 0600, when absent.
  virtual Fd open_or_create(const std::filesystem::path& file) = 0;
  /// Reads until `into` is full or the file ends; returns how much that was.
  virtual std::size_t pread(const Fd& file, std::uint64_t offset, std::span<std::byte> into) = 0;
  /// Writes all of `bytes`.
  virtual void pwrite(const Fd& file, std::uint64_t offset, std::span<const std::byte> bytes) = 0;
  virtual void truncate(const Fd& file, std::uint64_t size) = 0;
  virtual void fdatasync(const Fd& file) = 0;
  /// 0400 from now on.
  virtual void make_read_only(const Fd& file) = 0;
  virtual FileSize size(const Fd& file) = 0;
  /// Without opening it, which would end SQLite's locks on its own files; 0 when there is none.
  virtual std::uint64_t bytes_on_disk(const std::filesystem::path& file) = 0;
  /// Replaces `to` when it exists.
  virtual void rename(const std::filesystem::path& from, const std::filesystem::path& to) = 0;
  /// False when there was no such file.
  virtual bool remove(const std::filesystem::path& file) = 0;
  /// 0700; true when it was made, false when it was there.
  virtual bool make_directory(const std::filesystem::path& directory) = 0;
  /// Makes the names in the directory durable.
  virtual void sync_directory(const std::filesystem::path& directory) = 0;
  /// Names in the directory, in no order; none when it does not exist.
  virtual std::vector<std::string> list(const std::filesystem::path& directory) = 0;
  /// Bytes an unprivileged process may still write on this file system.
  virtual std::uint64_t free_space(const std::filesystem::path& directory) = 0;
};

class PosixDisk final : public Disk {
 public:
  std::optional<Fd> open(const std::filesystem::path& file) override;
  std::optional<Fd> open_at_once(const std::string& file) override;
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
};

}  // namespace hubcache::store
