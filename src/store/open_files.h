#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>

#include <boost/container_hash/hash.hpp>
#include <boost/unordered/unordered_flat_map.hpp>

#include "hubcache/base/digest.h"

namespace hubcache::store {

/// How many descriptors each content has open, and what its removed files still take: space is free
/// only when the last descriptor has closed. Locked, for descriptors open and close on every worker
/// and in the pools; a hit on what is open does neither.
class OpenFiles {
 public:
  void opened(const Digest& digest) {
    const std::lock_guard lock(mutex_);
    ++entries_[digest.bytes()].open;
  }
  /// The bytes of removed files that are free now.
  std::uint64_t closed(const Digest& digest) {
    const std::lock_guard lock(mutex_);
    const auto found = entries_.find(digest.bytes());
    if (--found->second.open > 0) return 0;
    const std::uint64_t bytes = found->second.removed;
    entries_.erase(found);
    return bytes;
  }
  bool is_open(const Digest& digest) const {
    const std::lock_guard lock(mutex_);
    return entries_.contains(digest.bytes());
  }
  /// A file was removed that took so much; returns what is free at once.
  std::uint64_t removed(const Digest& digest, std::uint64_t bytes) {
    const std::lock_guard lock(mutex_);
    const auto found = entries_.find(digest.bytes());
    if (found == entries_.end()) return bytes;
    found->second.removed += bytes;
    return 0;
  }

 private:
  struct Entry {
    std::size_t open = 0;
    std::uint64_t removed = 0;
  };
  mutable std::mutex mutex_;
  // One that is opened for one small read is in here as briefly: without memory of its own.
  boost::unordered_flat_map<Digest::Bytes, Entry> entries_;
};

}  // namespace hubcache::store
