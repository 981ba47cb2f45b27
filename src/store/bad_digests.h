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

/// The latest ones of an origin count: none pushes out what another brought. Origins are as many
/// as administrators make.
constexpr std::size_t kMostBadDigests = 10'000;

/// Digests of which a download was false (SECURITY 12), as the rows have them. Locked: all workers
/// ask, for every range of a file; there is next to never one, so that is looked at first.
class BadDigests {
 public:
  void add(const std::string& origin, const std::string& digest, WallTime until) {
    const std::lock_guard lock(mutex_);
    auto& of_origin = until_[origin];
    of_origin[digest] = until;
    if (of_origin.size() > kMostBadDigests) {
      const auto when = [](const auto& bad) { return bad.second; };
      of_origin.erase(std::ranges::min_element(of_origin, {}, when));
    }
    any_ = true;
  }
  std::optional<WallTime> until(const std::string& origin, const Digest& digest) const {
    if (!any_) return std::nullopt;
    const std::string wanted = digest.text();
    const std::lock_guard lock(mutex_);
    const auto of_origin = until_.find(origin);
    if (of_origin == until_.end()) return std::nullopt;
    const auto found = of_origin->second.find(wanted);
    if (found == of_origin->second.end()) return std::nullopt;
    return found->second;
  }

 private:
  std::atomic<bool> any_{false};
  mutable std::mutex mutex_;
  std::unordered_map<std::string, std::unordered_map<std::string, WallTime>> until_;  // by origin
};

}  // namespace hubcache::store
