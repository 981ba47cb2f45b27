#include "careful_files.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <memory>

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hubcache/base/error.h"

namespace hubcache::mirror {
namespace {

constexpr int kDirectoryFlags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;

bool is_absent(int code) { return code == ENOENT; }

/// A part of the way is a symlink, or no directory.
bool is_elsewhere(int code) { return code == ELOOP || code == ENOTDIR; }

[[noreturn]] void refuse_file(std::string_view name) {
  throw Error(Error::Kind::kBadRequest,
              printable(name) + " is no plain file: nothing else, and no symlink, is read");
}

/// The directory that holds the last part of `name`; not open: there is none.
Fd open_parent(const Fd& root, std::string_view& name) {
  Fd at(::fcntl(root.get(), F_DUPFD_CLOEXEC, 0));
  const auto whole = name;
  for (auto slash = name.find('/'); slash != std::string_view::npos; slash = name.find('/')) {
    const std::string part(name.substr(0, slash));
    if (part.empty() || part == "." || part == "..") refuse_file(whole);
    Fd next(::openat(at.get(), part.c_str(), kDirectoryFlags));
    if (!next) {
      if (is_absent(errno)) return {};
      if (is_elsewhere(errno)) refuse_file(whole);
      throw Error::from_errno(errno, "open of " + printable(part));
    }
    at = std::move(next);
    name.remove_prefix(slash + 1);
  }
  if (name.empty() || name == "." || name == "..") refuse_file(whole);
  return at;
}

/// Not open: there is none.
Fd open_below(const Fd& root, std::string_view directory) {
  if (directory.empty()) return Fd(::openat(root.get(), ".", kDirectoryFlags));
  auto last = directory;
  const auto parent = open_parent(root, last);
  if (!parent) return {};
  Fd fd(::openat(parent.get(), std::string(last).c_str(), kDirectoryFlags));
  if (!fd && !is_absent(errno)) refuse_file(directory);
  return fd;
}

struct CloseDirectory {
  void operator()(DIR* directory) const noexcept { ::closedir(directory); }
};

}  // namespace

Fd open_root(const std::string& directory) {
  Fd root(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!root) throw Error::from_errno(errno, "open of the directory " + directory);
  return root;
}

std::optional<PlainFile> open_plain(const Fd& root, std::string_view name) {
  auto last = name;
  const auto parent = open_parent(root, last);
  if (!parent) return std::nullopt;
  // Not blocking: a pipe is refused, not waited for.
  Fd fd(::openat(parent.get(), std::string(last).c_str(),
                 O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  if (!fd) {
    if (is_absent(errno)) return std::nullopt;
    if (is_elsewhere(errno) || errno == ENXIO) refuse_file(name);
    throw Error::from_errno(errno, "open of " + printable(name));
  }
  struct stat status{};
  if (::fstat(fd.get(), &status) != 0) throw Error::from_errno(errno, "stat of a file");
  if (!S_ISREG(status.st_mode)) refuse_file(name);
  return PlainFile{.fd = std::move(fd), .size = static_cast<std::uint64_t>(status.st_size)};
}

std::optional<std::string> read_plain(const Fd& root, std::string_view name, std::size_t most) {
  const auto file = open_plain(root, name);
  if (!file) return std::nullopt;
  if (file->size > most) {
    throw Error(Error::Kind::kBadRequest, printable(name) + " is too large");
  }
  std::string text(file->size, '\0');
  const auto read = reader_of(*file);
  text.resize(read(std::as_writable_bytes(std::span(text))));
  return text;
}

std::vector<std::string> names_in(const Fd& root, std::string_view directory, std::size_t most) {
  Fd fd = open_below(root, directory);
  if (!fd) return {};
  const std::unique_ptr<DIR, CloseDirectory> list(::fdopendir(fd.get()));
  if (!list) throw Error::from_errno(errno, "reading of a directory");
  fd.release();
  std::vector<std::string> names;
  while (const auto* entry = ::readdir(list.get())) {  // NOLINT(concurrency-mt-unsafe): its own
    std::string name = entry->d_name;
    if (name == "." || name == "..") continue;
    if (names.size() == most) {
      throw Error(Error::Kind::kBadRequest, printable(directory) + " has too many files");
    }
    names.push_back(std::move(name));
  }
  std::ranges::sort(names);
  return names;
}

FileKind kind_of(const Fd& root, const std::string& name) {
  std::string_view last = name;
  const auto parent = open_parent(root, last);
  struct stat status{};
  const std::string end(last);
  if (!parent || ::fstatat(parent.get(), end.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) {
    return FileKind::kNone;
  }
  if (S_ISREG(status.st_mode)) return FileKind::kPlain;
  if (S_ISDIR(status.st_mode)) return FileKind::kDirectory;
  return S_ISLNK(status.st_mode) ? FileKind::kLink : FileKind::kOther;
}

std::string link_target(const Fd& root, const std::string& name) {
  std::string_view last = name;
  const auto parent = open_parent(root, last);
  std::array<char, 4'096> target{};
  const std::string end(last);
  const auto length =
      parent ? ::readlinkat(parent.get(), end.c_str(), target.data(), target.size()) : -1;
  if (length < 0) throw Error::from_errno(errno, "reading of the symlink " + printable(name));
  return {target.data(), static_cast<std::size_t>(length)};
}

ReadBytes reader_of(const PlainFile& file) {
  return [fd = file.fd.get(), left = file.size](std::span<std::byte> into) mutable {
    std::size_t done = 0;
    while (done < into.size() && left > 0) {
      const auto wanted = std::min<std::uint64_t>(into.size() - done, left);
      const auto count = ::read(fd, into.data() + done, wanted);
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) throw Error::from_errno(errno, "reading of a file");
      if (count == 0) break;
      done += static_cast<std::size_t>(count);
      left -= static_cast<std::uint64_t>(count);
    }
    return done;
  };
}

}  // namespace hubcache::mirror
