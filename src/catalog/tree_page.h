#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "hubcache/base/digest.h"

namespace hubcache::catalog {

/// A file as a page of the Hub's tree has it (contract/hub.md 1.3).
struct TreeFile {
  std::string path;
  Digest digest;
  std::uint64_t size = 0;
  std::string xet{};  // of a LFS file: what Xet calls it
};

/// The files of one page; directories are left out. Throws kUpstream for a page that does not tell
/// the digest of each of its files, as where they are masked: it cannot be part of a manifest.
std::vector<TreeFile> read_tree_page(std::string_view body);

}  // namespace hubcache::catalog
