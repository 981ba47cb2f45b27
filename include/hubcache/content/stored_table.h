#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <vector>

#include <boost/unordered/unordered_flat_map.hpp>

#include "hubcache/base/digest.h"
#include "hubcache/content/ground.h"
#include "hubcache/store/disk.h"

namespace hubcache::content {

/// Which file on disk has the bytes of a path in a folder of the URL, which is a repo at a
/// revision, for as long as the folder's Ground is the same. Full, it forgets the folder that was
/// read longest ago; of a single one it keeps no more.
///
/// One for all workers, callable from each: a table on each would take the memory as often. So it
/// is locked, but no request waits: find() says nothing while somebody changes it, keep() keeps
/// nothing while anybody uses it. Only file_of() waits.
class StoredTable {
 public:
  struct Limits {
    std::size_t bytes = std::size_t{40} << 20;
    std::size_t folders = 2'000;
  };
  struct Name {
    std::string_view folder;
    std::string_view path;
  };
  struct File {
    Digest::Bytes digest{};
    store::Disk::FileSize on_disk{};
    bool lfs = false;  // else it is git's
  };
  struct Found {
    std::shared_ptr<const Ground> ground;
    File file;
    bool is_hot = false;      // it is one of few that are asked for often; said once in a while
    bool is_use_due = false;  // the store is to be told that it was used now; said once
  };

  StoredTable() : StoredTable(Limits{}) {}
  explicit StoredTable(Limits limits) : limits_(limits) {}

  /// `is_read`: by GET, also when a 304 answers it. `now`: since the epoch.
  std::optional<Found> find(const Name& name, bool is_read, std::chrono::minutes now);
  /// True when it was known before. `ground` holds, and it was used, now.
  bool keep(const Name& name, const Ground& ground, const File& file, std::chrono::minutes now);
  /// What is known of the file on disk that is this one. Looks through all.
  std::optional<File> file_of(const store::Disk::FileSize& on_disk) const;

 private:
  /// find() changes the last three under the shared lock, by std::atomic_ref; all else is keep()'s.
  struct Row {
    Digest::Bytes digest{};
    store::Disk::FileSize on_disk{};
    bool lfs = false;
    std::uint32_t used = 0;          // minutes
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
    ByText<Row> files{};
    std::size_t bytes = 0;   // of memory
    std::uint64_t used = 0;  // of `uses_`; find() changes it in that way too
  };
  using Gone = std::vector<Folder>;  // they end after the lock: that takes time
  static File file_in(const Row& row);
  static bool is_hot(Row& row, std::uint64_t uses);
  static bool is_use_due(Row& row, std::uint32_t now);
  Folder& folder_at(std::string_view name, const Ground& ground, Gone& gone);
  void drop_oldest(Gone& gone);
  void drop(Folder& folder, Gone& gone);

  const Limits limits_;
  mutable std::shared_mutex mutex_;
  ByText<Folder> folders_;
  std::size_t bytes_ = 0;
  std::atomic<std::uint64_t> uses_ = 0;
};

}  // namespace hubcache::content
