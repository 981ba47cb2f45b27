#pragma once

#include <cstddef>
#include <list>
#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

#include "hubcache/base/clock.h"
#include "hubcache/base/digest.h"
#include "hubcache/base/task.h"
#include "hubcache/store/blob.h"
#include "hubcache/store/disk.h"

namespace hubcache::store {

class Store;

/// When a blob was used last.
struct BlobUse {
  Digest digest;
  WallTime at;
};

/// The blobs one worker has open, least recently used ones closed first: a warm hit is a look into
/// this table, which also notes the time. The times are written in batches: before an eviction,
/// which has to know them, and every few minutes. Of one that had to be closed for another, a use
/// within ten minutes of the last one written is not.
///
/// Belongs to its worker; made and destroyed while that does not run, or on it.
class OpenBlobs {
 public:
  explicit OpenBlobs(Store& store, Executor worker, std::size_t capacity = 1'024);
  /// Writes the times that were not written yet.
  ~OpenBlobs();
  OpenBlobs(const OpenBlobs&) = delete;
  OpenBlobs& operator=(const OpenBlobs&) = delete;

  /// Null when it is not open here; says nothing about the store.
  std::shared_ptr<const Blob> find(const Digest& digest);
  /// Opens it if need be; null when the store has no such blob. `row` if it was read just before.
  Task<std::shared_ptr<const Blob>> open(Digest digest, std::optional<BlobRow> row = std::nullopt);
  /// A blob whose file was `expected` when it was open (Store::size()), for one reader, without a
  /// wait; null when that cannot be.
  std::shared_ptr<const Fd> open_briefly(const Digest& digest, const Disk::FileSize& expected);
  /// It was used now; for what is not open here.
  void note_use(const Digest& digest);
  void forget(const Digest& digest);
  /// This file could not be read while it was served, or is too short. If it is an open blob's, the
  /// store checks that (Store::check), and no worker has such a blob until it has.
  /// False when it is not.
  bool doubt(const Fd& file);
  /// The same of a blob that was opened briefly.
  void doubt(const Digest& digest);
  std::size_t size() const noexcept { return entries_.size(); }

  /// For eviction: the uses that were not taken yet.
  std::vector<BlobUse> take_uses();
  /// For eviction: closes these of the blobs, unless somebody reads them.
  void close_idle(const std::vector<Digest>& digests);

 private:
  struct Entry {
    std::shared_ptr<const Blob> blob;
    WallTime used;
    bool noted = false;  // `used` was taken
  };
  std::shared_ptr<const Blob> keep(Blob blob);
  void use(Entry& entry);
  void write_due_uses(WallTime now);
  void close(std::list<Entry>::iterator entry);
  void write_uses();

  Store& store_;
  Executor worker_;
  std::size_t capacity_;
  std::list<Entry> entries_;  // most recently used first
  std::unordered_map<Digest, std::list<Entry>::iterator> by_digest_;
  std::vector<BlobUse> closed_;  // uses of what is not open any more
  WallTime written_;             // the uses were, last
};

}  // namespace hubcache::store
