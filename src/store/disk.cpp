#include "hubcache/store/disk.h"

#include <cerrno>
#include <cstdio>
#include <memory>

#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "hubcache/base/error.h"

namespace hubcache::store {
namespace {

constexpr mode_t kFileMode = S_IRUSR | S_IWUSR;
constexpr mode_t kDirectoryMode = S_IRWXU;
constexpr std::uint64_t kStatBlock = 512;  // what st_blocks counts in, whatever the file system

[[noreturn]] void fail(std::string_view doing, const std::filesystem::path& path) {
  const int code = errno;
  throw Error::from_errno(code, std::string(doing) + " " + path.string());
}

[[noreturn]] void fail(std::string_view doing) {
  const int code = errno;
  throw Error::from_errno(code, doing);
}

/// O_NONBLOCK: a fifo would be waited for.
constexpr int kReading = O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;

}  // namespace

/// What is no plain file is none: a link (ELOOP), a socket (ENXIO), a fifo or a directory.
std::optional<Fd> PosixDisk::open(const std::filesystem::path& file) {
  Fd opened(::open(file.c_str(), kReading));
  if (!opened) {
    if (errno == ENOENT || errno == ELOOP || errno == ENXIO) return std::nullopt;
    fail("opening", file);
  }
  struct stat about{};
  if (::fstat(opened.get(), &about) != 0) fail("looking at", file);
  if (!S_ISREG(about.st_mode)) return std::nullopt;
  return opened;
}

// RESOLVE_CACHED: Linux 5.12. Who has none goes the other way.
std::optional<Fd> PosixDisk::open_at_once(const std::string& file) {
  open_how how{};
  how.flags = kReading;
  how.resolve = RESOLVE_CACHED;
  Fd opened(static_cast<int>(::syscall(SYS_openat2, AT_FDCWD, file.c_str(), &how, sizeof how)));
  if (!opened) return std::nullopt;
  return opened;
}

Fd PosixDisk::open_or_create(const std::filesystem::path& file) {
  Fd opened(::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, kFileMode));
  if (!opened) fail("creating", file);
  return opened;
}

std::size_t PosixDisk::pread(const Fd& file, std::uint64_t offset, std::span<std::byte> into) {
  std::size_t done = 0;
  while (done < into.size()) {
    const auto count = ::pread(file.get(), into.data() + done, into.size() - done,
                               static_cast<off_t>(offset + done));
    if (count == 0) break;
    if (count < 0) {
      if (errno == EINTR) continue;
      fail("reading a file");
    }
    done += static_cast<std::size_t>(count);
  }
  return done;
}

void PosixDisk::pwrite(const Fd& file, std::uint64_t offset, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const auto count = ::pwrite(file.get(), bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (count < 0) {
      if (errno == EINTR) continue;
      fail("writing a file");
    }
    offset += static_cast<std::uint64_t>(count);
    bytes = bytes.subspan(static_cast<std::size_t>(count));
  }
}

void PosixDisk::truncate(const Fd& file, std::uint64_t size) {
  if (::ftruncate(file.get(), static_cast<off_t>(size)) != 0) fail("setting a file's size");
}

void PosixDisk::fdatasync(const Fd& file) {
  if (::fdatasync(file.get()) != 0) fail("syncing a file");
}

void PosixDisk::make_read_only(const Fd& file) {
  if (::fchmod(file.get(), S_IRUSR) != 0) fail("protecting a file");
}

Disk::FileSize PosixDisk::size(const Fd& file) {
  struct stat about{};
  if (::fstat(file.get(), &about) != 0) fail("looking at a file");
  if (!S_ISREG(about.st_mode)) throw Error(Error::Kind::kIo, "the disk failed", "no plain file");
  return {.size = static_cast<std::uint64_t>(about.st_size),
          .on_disk = static_cast<std::uint64_t>(about.st_blocks) * kStatBlock,
          .inode = about.st_ino,
          .modified = std::int64_t{about.st_mtim.tv_sec} * 1'000'000'000 + about.st_mtim.tv_nsec};
}

std::uint64_t PosixDisk::bytes_on_disk(const std::filesystem::path& file) {
  struct stat about{};
  if (::lstat(file.c_str(), &about) == 0) {
    return static_cast<std::uint64_t>(about.st_blocks) * kStatBlock;
  }
  if (errno == ENOENT) return 0;
  fail("looking at", file);
}

void PosixDisk::rename(const std::filesystem::path& from, const std::filesystem::path& to) {
  if (::rename(from.c_str(), to.c_str()) != 0) fail("renaming", from);
}

bool PosixDisk::remove(const std::filesystem::path& file) {
  if (::unlink(file.c_str()) == 0) return true;
  if (errno == ENOENT) return false;
  fail("removing", file);
}

bool PosixDisk::make_directory(const std::filesystem::path& directory) {
  if (::mkdir(directory.c_str(), kDirectoryMode) == 0) return true;
  if (errno == EEXIST) return false;
  fail("making", directory);
}

void PosixDisk::sync_directory(const std::filesystem::path& directory) {
  const Fd opened(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!opened || ::fsync(opened.get()) != 0) fail("syncing", directory);
}

std::vector<std::string> PosixDisk::list(const std::filesystem::path& directory) {
  const std::unique_ptr<DIR, int (*)(DIR*)> opened(::opendir(directory.c_str()), &::closedir);
  std::vector<std::string> names;
  if (!opened) {
    if (errno == ENOENT) return names;
    fail("listing", directory);
  }
  errno = 0;
  while (const auto* entry = ::readdir(opened.get())) {
    const std::string name = entry->d_name;
    if (name != "." && name != "..") names.push_back(name);
    errno = 0;
  }
  if (errno != 0) fail("listing", directory);
  return names;
}

std::uint64_t PosixDisk::free_space(const std::filesystem::path& directory) {
  struct statvfs about{};
  if (::statvfs(directory.c_str(), &about) != 0) fail("asking for the free space of", directory);
  return std::uint64_t{about.f_bavail} * about.f_frsize;
}

}  // namespace hubcache::store
