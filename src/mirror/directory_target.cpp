#include <array>
#include <cerrno>
#include <optional>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hubcache/base/error.h"
#include "hubcache/mirror/export_target.h"

#include "careful_files.h"
#include "hashed_copy.h"

namespace hubcache::mirror {
namespace {

constexpr mode_t kForAll = 0644;
constexpr mode_t kDirectoryForAll = 0755;

class DirectoryTarget final : public ExportTarget {
 public:
  explicit DirectoryTarget(std::filesystem::path directory) : path_(std::move(directory)) {
    make(path_);
    root_ = open_root(path_.string());
  }

  Index before() override {
    const auto text = read_plain(root_, kIndexName, kLargestIndex);
    if (!text) return {};
    try {
      return parse_index(*text);
    } catch (const Error&) {
      return {};  // it is written anew
    }
  }

  bool index_first() const override { return false; }

  bool has(const Digest& digest, std::uint64_t size) override {
    const auto file = open_plain(root_, blob_name(digest));
    return file && file->size == size;
  }

  void put(const std::string& name, const std::string& text) override {
    write_as(name, [&text](const Fd& fd) { write_all(fd, std::as_bytes(std::span(text))); });
  }

  void put_blob(const Digest& digest, std::uint64_t size, const ReadBytes& read) override {
    write_as(blob_name(digest), [&](const Fd& fd) {
      copy_hashed(digest, size, read,
                  [&fd](std::span<const std::byte> bytes) { write_all(fd, bytes); });
    });
  }

  void finish() override {
    if (::syncfs(root_.get()) != 0) throw Error::from_errno(errno, "sync of the export");
  }

 private:
  static void make(const std::filesystem::path& directory) {
    if (::mkdir(directory.c_str(), kDirectoryForAll) == 0 || errno == EEXIST) return;
    throw Error::from_errno(errno, "making of the directory " + directory.string());
  }

  static void write_all(const Fd& fd, std::span<const std::byte> bytes) {
    while (!bytes.empty()) {
      const auto count = ::write(fd.get(), bytes.data(), bytes.size());
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) throw Error::from_errno(errno, "writing of the export");
      bytes = bytes.subspan(static_cast<std::size_t>(count));
    }
  }

  void make_parents(const std::string& name) {
    for (auto slash = name.find('/'); slash != std::string::npos;
         slash = name.find('/', slash + 1)) {
      make(path_ / name.substr(0, slash));
    }
  }

  /// Under another name until it is complete and on the disk.
  template <typename Write>
  void write_as(const std::string& name, const Write& write) {
    make_parents(name);
    const auto end = path_ / name;
    const auto part = end.string() + ".part";
    ::unlink(part.c_str());
    const Fd fd(
        ::open(part.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, kForAll));
    if (!fd) throw Error::from_errno(errno, "making of " + part);
    try {
      write(fd);
      if (::fdatasync(fd.get()) != 0) throw Error::from_errno(errno, "sync of " + part);
      if (::rename(part.c_str(), end.c_str()) != 0) {
        throw Error::from_errno(errno, "renaming of " + part);
      }
    } catch (...) {
      ::unlink(part.c_str());
      throw;
    }
  }

  std::filesystem::path path_;
  Fd root_;
};

}  // namespace

std::unique_ptr<ExportTarget> make_directory_target(const std::filesystem::path& directory) {
  return std::make_unique<DirectoryTarget>(directory);
}

}  // namespace hubcache::mirror
