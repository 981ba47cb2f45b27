#include "hubcache/store/data_dir.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <exception>
#include <fstream>
#include <sstream>
#include <string>
#include <string_view>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "hubcache/base/error.h"

namespace hubcache::store {
namespace {

constexpr long kFuse = 0x65735546;

void make_private_directory(const std::filesystem::path& directory) {
  if (::mkdir(directory.c_str(), S_IRWXU) != 0 && errno != EEXIST) {
    throw Error::from_errno(errno, "making " + directory.string());
  }
}

/// FUSE has one f_type for all; the kind is in the mount table, "fuse.sshfs".
bool is_network_fuse(const std::filesystem::path& path) {
  struct stat about{};
  if (::stat(path.c_str(), &about) != 0) return false;
  const std::string device =
      std::to_string(major(about.st_dev)) + ":" + std::to_string(minor(about.st_dev));
  constexpr std::array<std::string_view, 8> kNetworkKinds{"sshfs",   "s3fs", "rclone", "glusterfs",
                                                          "gcsfuse", "ceph", "davfs",  "mount-s3"};
  std::ifstream mounts("/proc/self/mountinfo");
  for (std::string line; std::getline(mounts, line);) {
    std::istringstream words(line);
    std::string id;
    std::string parent;
    std::string mounted;
    words >> id >> parent >> mounted;
    const auto separator = line.find(" - fuse.");
    if (mounted != device || separator == std::string::npos) continue;
    return std::ranges::any_of(kNetworkKinds, [&](std::string_view kind) {
      return line.compare(separator + 8, kind.size(), kind) == 0;
    });
  }
  return false;
}

void require_local(const std::filesystem::path& path) {
  struct statfs about{};
  if (::statfs(path.c_str(), &about) != 0) {
    throw Error::from_errno(errno, "looking at the file system of " + path.string());
  }
  const auto type = static_cast<long>(about.f_type);
  if (is_network_file_system(type) || (type == kFuse && is_network_fuse(path))) {
    throw Error(Error::Kind::kIo, "the data directory " + path.string() +
                                      " is on a network file system: use a local disk");
  }
}

std::string pid_in(const Fd& lock) {
  std::array<char, 32> text{};
  const auto count = ::pread(lock.get(), text.data(), text.size(), 0);
  const std::string pid(text.data(), count > 0 ? static_cast<std::size_t>(count) : 0);
  return pid.substr(0, pid.find_first_not_of("0123456789"));
}

bool is_of_full_disk(int code) { return code == ENOSPC || code == EDQUOT; }

/// In place, so that it keeps the block that it has. Where there is none for it, a hole says that
/// somebody is here.
void write_pid(const Fd& lock, const std::filesystem::path& file) {
  const std::string pid = std::to_string(::getpid()) + "\n";
  if (::pwrite(lock.get(), pid.data(), pid.size(), 0) == static_cast<ssize_t>(pid.size())) {
    if (::ftruncate(lock.get(), static_cast<off_t>(pid.size())) == 0) return;
  } else if (is_of_full_disk(errno) && ::ftruncate(lock.get(), 1) == 0) {
    return;
  }
  throw Error::from_errno(errno, "writing " + file.string());
}

/// What the database needs to begin with, and to say that something was removed, is kept for the
/// day when others have filled the disk.
void keep_reserve(const std::filesystem::path& directory) {
  constexpr std::uint64_t kReserve = std::uint64_t{4} << 20;
  const auto file = directory / "reserve";
  const auto [total, used, free] = file_system_of(directory);
  if (total != 0 && free < kReserve) ::unlink(file.c_str());
  std::error_code none;
  if (free < 8 * kReserve || std::filesystem::file_size(file, none) == kReserve) return;
  const Fd reserve(::open(file.c_str(), O_WRONLY | O_CREAT | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC,
                          S_IRUSR | S_IWUSR));
  if (reserve && ::posix_fallocate(reserve.get(), 0, kReserve) != 0) ::unlink(file.c_str());
}

struct Lock {
  Fd file;
  bool was_left_open = false;
};

Lock take_lock(const std::filesystem::path& directory) {
  const auto file = directory / "lock";
  Fd lock(::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, S_IRUSR | S_IWUSR));
  if (!lock) throw Error::from_errno(errno, "opening " + file.string());
  if (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) throw Error::from_errno(errno, "locking " + file.string());
    const auto pid = pid_in(lock);
    throw Error(Error::Kind::kConflict,
                "another hubcache" + (pid.empty() ? std::string() : " (process " + pid + ")") +
                    " is running on the data directory " + directory.string());
  }
  const bool was_left_open = ::lseek(lock.get(), 0, SEEK_END) != 0;
  write_pid(lock, file);
  return {.file = std::move(lock), .was_left_open = was_left_open};
}

}  // namespace

FileSystem file_system_of(const std::filesystem::path& directory) {
  struct statvfs about{};
  if (directory.empty() || ::statvfs(directory.c_str(), &about) != 0) return {};
  const std::uint64_t unit = about.f_frsize;
  return {.total = about.f_blocks * unit,
          .used = (about.f_blocks - about.f_bfree) * unit,
          .free = about.f_bavail * unit};
}

bool is_network_file_system(long type) {
  constexpr std::array<long, 10> kNetworkTypes{
      0x6969,      // NFS
      0x517B,      // SMB
      0xFF534D42,  // CIFS
      0xFE534D42,  // SMB2
      0x00C36400,  // Ceph
      0x5346414F,  // AFS
      0x6B414653,  // kAFS
      0x73757245,  // Coda
      0x01021997,  // 9P
      0x0BD00BD0,  // Lustre
  };
  // Where f_type is 32 bits wide, CIFS and SMB2 come as negative numbers.
  return std::ranges::find(kNetworkTypes, type & 0xFFFFFFFFL) != kNetworkTypes.end();
}

DataDir DataDir::open(const std::filesystem::path& path) {
  ::umask(S_IRWXG | S_IRWXO);
  std::error_code failure;
  const auto absolute = std::filesystem::absolute(path, failure);
  if (failure) throw Error::from_errno(failure.value(), "finding " + path.string());
  std::filesystem::create_directories(absolute, failure);
  if (failure) throw Error::from_errno(failure.value(), "making " + path.string());
  require_local(absolute);
  Lock lock = take_lock(absolute);
  keep_reserve(absolute);
  for (const auto* part : {"blobs", "fills"}) make_private_directory(absolute / part);
  return {absolute, std::move(lock.file), lock.was_left_open};
}

void DataDir::say_done() noexcept {
  // The worst that comes of a failure is that the next start looks for what there is not.
  [[maybe_unused]] const int failure = ::ftruncate(lock_.get(), 0);
  try {
    keep_reserve(path_);
  } catch (const std::exception&) {  // the next start sees to it
  }
}

}  // namespace hubcache::store
