#pragma once

#include <string>
#include <vector>

#include "hubcache/base/digest.h"
#include "hubcache/store/disk.h"

#include "layout.h"

namespace hubcache::store {

/// The digests that files in blobs/`algorithm`/`first`/ are named by; other files are none of ours.
inline std::vector<Digest> digests_in(Disk& disk, const Layout& layout,
                                      const std::string& algorithm, const std::string& first) {
  std::vector<Digest> digests;
  for (const auto& rest : disk.list(layout.blobs() / algorithm / first)) {
    auto digest = Digest::from_etag(first + rest);
    if (digest && digest->algorithm_name() == algorithm) digests.push_back(*std::move(digest));
  }
  return digests;
}

}  // namespace hubcache::store
