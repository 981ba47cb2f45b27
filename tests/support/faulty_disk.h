#pragma once

#include <condition_variable>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <limits>
#include <map>
#include <mutex>
#include <set>
#include <vector>

#include "hubcache/store/disk.h"

namespace hubcache::test {

/// A disk that fails when it is told to, stands still, runs out of space, and forgets in a crash
/// what was not synced: bytes until fdatasync() of their file, names until sync_directory() of
/// their directory. It works on real files. Callable from any thread.
class FaultyDisk final : public store::Disk {
 public:
  using Path = std::filesystem::path;
  enum class Loss { kNothing, kBytes, kNames, kBoth };
  enum class Call { kOpen, kCreate, kRead, kWrite, kSync, kName, kLook };

  /// One that can crash has an `attic`: an empty directory on the same file system, for files that
  /// may have to come back. It remembers every write until that is synced.
  explicit FaultyDisk(Path attic = {}) : attic_(std::move(attic)) {}

  static constexpr std::uint64_t kNever = std::numeric_limits<std::uint64_t>::max();

  /// The nth call from now on fails, once; n counts from 1.
  void fail_call(std::uint64_t n);
  void stop_failing();
  /// Calls of this kind fail with `code` until stop_failing().
  void fail(Call kind, int code);
  /// Who has this file open cannot read it any more, also past this seam, as sendfile() does.
  static void spoil_open(const Path& file);
  /// Calls of this kind wait until release().
  void hold(Call kind);
  void release();
  /// How many calls wait.
  std::size_t waiting() const;
  /// Writing fails for want of space after this many more bytes.
  void room_for(std::uint64_t bytes);
  /// What free_space() says.
  void say_free(std::uint64_t bytes);
  /// free_space() says what the files below its directory leave of a disk of that size.
  void say_size(std::uint64_t bytes);
  /// The least that was free of it after a write since then.
  std::uint64_t least_free() const;

  /// The nth call from now on fails, and so does every later one, until crash().
  void crash_at_call(std::uint64_t n);
  /// The machine went down and is up again: loses what was not synced, and works again. Nothing of
  /// the process that used it may be left.
  void crash(Loss loss);
  /// Calls since fail_call(), crash_at_call() or crash().
  std::uint64_t calls() const;

  // For doubles of what else the machine does with its disk.
  /// Counts a call of another's; what errno it fails with, or 0.
  int count_other(Call kind);
  /// Waits as a call of this kind does, and counts as none.
  void wait_for(Call kind);
  /// The step that `revert` takes back is durable once sync_other() is called for its `owner`.
  void remember_other(std::string owner, std::function<void()> revert);
  void sync_other(const std::string& owner);

  std::optional<Fd> open(const Path& file) override;
  /// Counts as an opening. Says nothing while calls of its kind, or looks, are held.
  std::optional<Fd> open_at_once(const std::string& file) override;
  Fd open_or_create(const Path& file) override;
  std::size_t pread(const Fd& file, std::uint64_t offset, std::span<std::byte> into) override;
  void pwrite(const Fd& file, std::uint64_t offset, std::span<const std::byte> bytes) override;
  void truncate(const Fd& file, std::uint64_t size) override;
  void fdatasync(const Fd& file) override;
  void make_read_only(const Fd& file) override;
  FileSize size(const Fd& file) override;
  std::uint64_t bytes_on_disk(const Path& file) override;
  void rename(const Path& from, const Path& to) override;
  bool remove(const Path& file) override;
  bool make_directory(const Path& directory) override;
  void sync_directory(const Path& directory) override;
  std::vector<std::string> list(const Path& directory) override;
  std::uint64_t free_space(const Path& directory) override;

 private:
  using Lock = std::unique_lock<std::mutex>;
  /// How to take back one step that is not durable yet.
  struct Undo {
    bool is_name = false;
    std::string owner;  // what a sync of makes it durable
    std::function<void()> revert;
  };

  Lock begin(Call kind);
  void wait(Lock& lock, Call kind);
  std::uint64_t free_below(const Path& directory);
  void keep_bytes(const Fd& file, std::uint64_t offset, std::uint64_t length);
  void keep_name(const Path& path, std::function<void()> revert);
  Path keep_file(const Path& file);
  void forget(bool is_name, const std::string& owner);

  mutable std::mutex mutex_;
  std::condition_variable released_;
  store::PosixDisk disk_;
  Path attic_;
  std::vector<Undo> undo_;
  std::map<Call, int> failing_;
  std::set<Call> held_;
  std::size_t waiting_ = 0;
  std::uint64_t calls_ = 0;
  std::uint64_t fail_at_ = kNever;
  std::uint64_t crash_at_ = kNever;
  std::uint64_t room_ = kNever;
  std::uint64_t free_ = kNever;
  std::uint64_t size_ = kNever;
  std::uint64_t least_free_ = kNever;
  Path measured_;  // what free_space() was asked about
  std::uint64_t kept_files_ = 0;
};

}  // namespace hubcache::test
