#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace hubcache::app {

struct Rebuilt {
  std::uint64_t blobs = 0;        // found in the file tree
  std::vector<std::string> lost;  // tables of the damaged database that could not be read
  std::filesystem::path kept_as;  // the damaged database; empty when there was none
};

/// Makes the database of that data directory anew: blobs from the file tree, all else from the old
/// one, table by table, as far as that can be read. What speaks of rights (grants, proofs) and of
/// partial downloads is not taken over: it is asked for again. The old database is kept under
/// another name; whatever stops this, one of the two is in place.
///
/// Blocks. Throws kConflict while a server runs on the directory, kNotFound when it holds nothing.
Rebuilt rebuild_database(const std::filesystem::path& data_dir);

}  // namespace hubcache::app
