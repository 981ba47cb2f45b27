#pragma once

#include <cstddef>
#include <list>
#include <memory>
#include <unordered_map>

#include "hubcache/base/clock.h"
#include "hubcache/base/digest.h"
#include "hubcache/base/task.h"
#include "hubcache/store/blob.h"

namespace hubcache::store {

class Store;

/// The blobs one worker has open, least recently used ones closed first: a warm hit is a look into
/// this table. Belongs to its worker.
class OpenBlobs {
 public:
  explicit OpenBlobs(Store& store, std::size_t capacity = 1'024);

  /// Null when it is not open here; says nothing about the store.
  std::shared_ptr<const Blob> find(const Digest& digest);
  /// Opens it if need be; null when the store has no such blob.
  Task<std::shared_ptr<const Blob>> open(Digest digest);
  void forget(const Digest& digest);
  std::size_t size() const noexcept { return entries_.size(); }

 private:
  struct Entry {
    std::shared_ptr<const Blob> blob;
    SteadyTime touched;
  };
  std::shared_ptr<const Blob> keep(Blob blob);
  void touch(Entry& entry);

  Store& store_;
  std::size_t capacity_;
  std::list<Entry> entries_;  // most recently used first
  std::unordered_map<Digest, std::list<Entry>::iterator> by_digest_;
};

}  // namespace hubcache::store
