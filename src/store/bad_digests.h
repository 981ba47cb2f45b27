#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>

#include "hubcache/base/clock.h"
#include "hubcache/base/digest.h"

namespace hubcache::store {

/// The latest ones count.
constexpr std::size_t kMostBadDigests = 10'000;

/// Digests of which a download was false (SECURITY 12), as the rows have them. Locked: all workers
/// ask, for every range of a file; there is next to never one, so that is looked at first.
class BadDigests {
 public:
  void add(const std::string& origin, const std::string& digest, WallTime until) {
    const std::lock_guard lock(mutex_);
    until_[key(origin, digest)] = until;
    if (until_.size() > kMostBadDigests) {
      const auto when = [](const auto& bad) { return bad.second; };
      until_.erase(std::ranges::min_element(until_, {}, when));
    }
    count_ = until_.size();
  }
  std::optional<WallTime> until(const std::string& origin, const Digest& digest) const {
    if (count_ == 0) return std::nullopt;
    const std::string wanted = key(origin, digest.text());
    const std::lock_guard lock(mutex_);
    const auto found = until_.find(wanted);
    if (found == until_.end()) return std::nullopt;
    return found->second;
  }

 private:
  static std::string key(const std::string& origin, const std::string& digest) {
    return digest + ' ' + origin;
  }
  std::atomic<std::size_t> count_{0};
  mutable std::mutex mutex_;
  std::unordered_map<std::string, WallTime> until_;
};

}  // namespace hubcache::store
