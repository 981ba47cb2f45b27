#pragma once

#include <algorithm>
#include <mutex>
#include <utility>
#include <vector>

#include "hubcache/base/task.h"

namespace hubcache::store {

class OpenBlobs;

/// The workers' tables of open blobs, for eviction to ask each on its worker. Locked: tables come
/// and go on the thread that builds the server.
class Shelves {
 public:
  struct Shelf {
    OpenBlobs* blobs;
    Executor worker;
  };

  void add(Shelf shelf) {
    const std::lock_guard lock(mutex_);
    shelves_.push_back(std::move(shelf));
  }
  void remove(const OpenBlobs* blobs) {
    const std::lock_guard lock(mutex_);
    std::erase_if(shelves_, [blobs](const Shelf& shelf) { return shelf.blobs == blobs; });
  }
  std::vector<Shelf> all() const {
    const std::lock_guard lock(mutex_);
    return shelves_;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<Shelf> shelves_;
};

}  // namespace hubcache::store
