#pragma once

#include <mutex>
#include <string>
#include <unordered_map>

#include "hubcache/base/clock.h"
#include "hubcache/base/digest.h"

namespace hubcache::store {

/// Digests whose last download was false (SECURITY 12), as the rows have them. Locked: fills of all
/// workers ask.
class BadDigests {
 public:
  void add(const std::string& origin, const std::string& digest, WallTime until) {
    const std::lock_guard lock(mutex_);
    until_[key(origin, digest)] = until;
  }
  bool contains(const std::string& origin, const std::string& digest, WallTime now) const {
    const std::lock_guard lock(mutex_);
    const auto found = until_.find(key(origin, digest));
    return found != until_.end() && now < found->second;
  }
  void remove(const std::string& origin, const std::string& digest) {
    const std::lock_guard lock(mutex_);
    until_.erase(key(origin, digest));
  }

 private:
  static std::string key(const std::string& origin, const std::string& digest) {
    return digest + ' ' + origin;
  }
  mutable std::mutex mutex_;
  std::unordered_map<std::string, WallTime> until_;
};

}  // namespace hubcache::store
