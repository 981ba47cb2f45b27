#pragma once

#include <array>
#include <cstddef>
#include <string_view>

#include "hubcache/hub/grammar.h"
#include "hubcache/obs/counts.h"

namespace hubcache::content {

/// How bytes of files were met, in one worker; each range of a request is one. Readable from any
/// thread.
struct HitCounts {
  obs::Counter memory;   // the blob was open in this worker
  obs::Counter disk;     // it was stored, and had to be opened
  obs::Counter partial;  // some of it was there: a fill that ran, or one that was parked
  obs::Counter miss;     // nothing of it was there
  obs::Counter passed;   // it went by and was not stored
};

/// One worker's answers by route and status. Readable from any thread.
class RouteCounts {
 public:
  using Kind = hub::Route::Kind;
  /// What is no route of the Hub.
  enum class Own : std::size_t { kXet, kListing, kPreflight };

  void add(Kind kind, int status) noexcept { of_[static_cast<std::size_t>(kind)].add(status); }
  void add(Own own, int status) noexcept {
    of_[kKinds.size() + static_cast<std::size_t>(own)].add(status);
  }
  /// Calls `take(name, counts)` for each route.
  template <typename Take>
  void each(const Take& take) const {
    for (std::size_t i = 0; i < of_.size(); ++i) {
      take(i < kKinds.size() ? kKinds[i] : kOwn[i - kKinds.size()], of_[i]);
    }
  }

 private:
  static constexpr std::array<std::string_view, 21> kKinds{
      "unknown",      "resolve",  "raw",       "info",       "tree",
      "paths_info",   "refs",     "commits",   "auth_check", "xet_token",
      "refused",      "whoami",   "api",       "bucket",     "git_refs",
      "git_pack",     "git_push", "lfs_batch", "lfs_object", "registry_manifest",
      "registry_blob"};
  static constexpr std::array<std::string_view, 3> kOwn{"xet", "listing", "preflight"};
  static_assert(kKinds.size() == static_cast<std::size_t>(Kind::kRegistryBlob) + 1);

  std::array<obs::StatusCounts, kKinds.size() + kOwn.size()> of_;
};

}  // namespace hubcache::content
