#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <shared_mutex>
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
/// mostly no other thread. As with WarmFiles, what could have changed is looked at each time.
///
/// One for all workers, callable from each. Locked, but nobody waits: where somebody else changes
/// it just now it says nothing, and keeps nothing.
class StoredFiles {
 public:
  /// The answer to a request that has nothing out of the ordinary, if this knows the file, and the
  /// kernel has its name in memory. Once in a while it says nothing, so that a file which is asked
  /// for often comes to WarmFiles.
  std::optional<http::Response> find(const http::Request& request, const Services& services,
                                     FileBytes& bytes);

  /// A file that was sent whole, from the store, where it is `file`. True when it was known before,
  /// so that it is read again and again.
  bool keep(const http::Request& request, const Services& services, const Ground& ground,
            const hub::FileRef& name, const catalog::Entry& entry, const Fd& file);

  /// Of an open file that this may have had sent. Looks through all.
  std::optional<Digest> digest_of(const store::Store& store, const Fd& file) const;

 private:
  struct File {
    Digest::Bytes digest{};
    store::Disk::FileSize on_disk{};
    bool lfs = false;  // else it is git's
    // Atomic, for they change while others look.
    std::uint32_t used = 0;          // minutes, as far as the store was told
    std::uint32_t counted_from = 0;  // of `uses_`
    std::uint32_t reads = 0;         // since then
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
    std::shared_ptr<const Ground> ground;
    ByText<File> files{};
    std::size_t bytes = 0;   // of memory
    std::uint64_t used = 0;  // of `uses_`; atomic as above
  };
  /// A target in its folder, which is a repo at a revision.
  struct InFolder {
    std::string_view folder;
    std::string_view path;
  };
  static std::optional<InFolder> in_folder(std::string_view target);
  /// What is known of it, as it was just now.
  struct Known {
    std::shared_ptr<const Ground> ground;
    catalog::Entry entry;
    store::Disk::FileSize on_disk;
    bool is_hot = false;      // it is for WarmFiles
    bool is_use_due = false;  // of which the store is to be told
  };
  std::optional<Known> look(const InFolder& at, bool is_read, WallTime now);
  static catalog::Entry entry_of(const File& file);
  static bool is_hot(File& file, std::uint64_t uses);
  static bool is_use_due(File& file, std::uint32_t now);
  Folder& folder_at(std::string_view prefix, const Services& services, const Ground& ground);
  void clear(Folder& folder);
  void drop_oldest();

  // A file takes its place in a table that grows by doubling, and its path.
  static constexpr std::size_t kMostBytes = std::size_t{40} << 20;
  static constexpr std::size_t kMostFolders = 2'000;

  mutable std::shared_mutex mutex_;
  ByText<Folder> folders_;
  std::size_t bytes_ = 0;
  std::atomic<std::uint64_t> uses_ = 0;
};

}  // namespace hubcache::content
