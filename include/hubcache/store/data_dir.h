#pragma once

#include <cstdint>
#include <filesystem>

#include "hubcache/base/fd.h"

namespace hubcache::store {

/// The directory that holds everything a server keeps (DESIGN 4), locked for this process until
/// this object goes. Opening removes nothing.
class DataDir {
 public:
  /// Makes what is missing of the layout, 0700, and sets the process's umask to 0077.
  /// Throws kConflict when another process has the directory, kIo when it cannot be used or lies on
  /// a network file system, whose locks and syncs cannot be relied on.
  static DataDir open(const std::filesystem::path& path);

  const std::filesystem::path& path() const noexcept { return path_; }
  /// Who had it before did not come to say_done(): it was killed, or the machine went down.
  bool was_left_open() const noexcept { return was_left_open_; }
  /// All that is in memory has been handed to the disk.
  void say_done() noexcept;
  /// The same, for who did not look for what may have been lost: whoever comes next does.
  void leave() noexcept {
    if (!was_left_open_) say_done();
  }

  std::filesystem::path database() const { return database_in(path_); }
  std::filesystem::path secrets_key() const { return secrets_key_in(path_); }
  std::filesystem::path admin_password() const { return path_ / "admin-password"; }
  std::filesystem::path control_socket() const { return control_socket_in(path_); }

  // For who has not opened it, and may not: a server has.
  static std::filesystem::path database_in(const std::filesystem::path& path) {
    return path / "hubcache.db";
  }
  static std::filesystem::path secrets_key_in(const std::filesystem::path& path) {
    return path / "secrets.key";
  }
  static std::filesystem::path control_socket_in(const std::filesystem::path& path) {
    return path / "control.sock";
  }

 private:
  DataDir(std::filesystem::path path, Fd lock, bool was_left_open)
      : path_(std::move(path)), lock_(std::move(lock)), was_left_open_(was_left_open) {}
  std::filesystem::path path_;
  Fd lock_;  // of a file with our process id in it, until say_done()
  bool was_left_open_;
};

/// The file system that a directory is on, in bytes.
struct FileSystem {
  std::uint64_t total = 0;
  std::uint64_t used = 0;
  std::uint64_t free = 0;  // for who is not root
};
/// All 0 when it cannot be looked at.
FileSystem file_system_of(const std::filesystem::path& directory);

/// Is this the f_type (statfs) of a file system on another machine?
bool is_network_file_system(long type);

}  // namespace hubcache::store
