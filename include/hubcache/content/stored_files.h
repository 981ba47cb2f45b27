#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include <boost/unordered/unordered_flat_map.hpp>

#include "hubcache/content/file_bytes.h"
#include "hubcache/content/ground.h"
#include "hubcache/http/message.h"
#include "hubcache/store/disk.h"

namespace hubcache::content {

/// Stored files that everybody may read, each by its path in a folder of the URL, in some 200
/// bytes: where there are more than the other memories hold, a read of one needs no database and
/// mostly no other thread. As with WarmFiles, what could have changed is looked at each time. One
/// per worker.
class StoredFiles {
 public:
  StoredFiles(const Services& services, FileBytes& bytes)
      : services_(services),
        bytes_(bytes),
        most_bytes_(kMostBytes / services.hubs.size()),
        most_folders_(kMostFolders / services.hubs.size()) {}

  /// The answer to a request that has nothing out of the ordinary, if this knows the file, and the
  /// kernel has its name in memory. Once in a while it says nothing, so that a file which is asked
  /// for often comes to WarmFiles.
  std::optional<http::Response> find(const http::Request& request);

  /// A file that was sent whole, from the store, where it is `file`. True when it was known before,
  /// so that it is read again and again.
  bool keep(const http::Request& request, const Ground& ground, const hub::FileRef& name,
            const catalog::Entry& entry, const Fd& file);

  /// Of an open file that this may have had sent. Looks through all.
  std::optional<Digest> digest_of(const Fd& file) const;

 private:
  struct File {
    Digest::Bytes digest{};
    store::Disk::FileSize on_disk{};
    WallTime used{};         // as far as the store was told
    bool lfs = false;        // else it is git's
    std::uint8_t reads = 0;  // modulo 256
  };
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const noexcept {
      return std::hash<std::string_view>{}(text);
    }
  };
  template <typename V>
  using ByText = boost::unordered_flat_map<std::string, V, Hash, std::equal_to<>>;
  struct Folder {
    Ground ground;
    ByText<File> files{};
    std::size_t bytes = 0;   // of memory
    std::uint64_t used = 0;  // the greater, the later
  };
  static catalog::Entry entry_of(const File& file);
  Folder& folder_at(std::string_view prefix, const Ground& ground);
  void drop_oldest();
  std::size_t bytes() const;

  // In all workers. A file takes its place in a table that grows by doubling, and its path.
  static constexpr std::size_t kMostBytes = std::size_t{40} << 20;
  static constexpr std::size_t kMostFolders = 2'000;

  const Services& services_;
  FileBytes& bytes_;
  std::size_t most_bytes_;
  std::size_t most_folders_;
  ByText<Folder> folders_;
  std::uint64_t uses_ = 0;
};

}  // namespace hubcache::content
