#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

#include "hubcache/mirror/bundle.h"
#include "hubcache/mirror/import_source.h"

namespace hubcache::mirror {

/// Where an export goes. Blocks; one thread uses it. Throws kIo and kNoSpace.
class ExportTarget {
 public:
  virtual ~ExportTarget() = default;

  /// What was exported here before and is complete, to be kept.
  virtual Index before() { return {}; }
  /// Must the index come first, as in a stream, or last, as the mark that all is there?
  virtual bool index_first() const = 0;
  /// Is a blob of that size there already?
  virtual bool has(const Digest& /*digest*/, std::uint64_t /*size*/) { return false; }
  /// A text under that name; one that is there is replaced in one step.
  virtual void put(const std::string& name, const std::string& text) = 0;
  /// A blob's bytes, hashed on their way. Throws kCorrupt when they are not what its digest says:
  /// nothing is left of it then, but in a stream.
  virtual void put_blob(const Digest& digest, std::uint64_t size, const ReadBytes& read) = 0;
  /// All is written, and on the disk.
  virtual void finish() = 0;
};

/// Makes the directory if need be. Files appear under their names when they are complete: what
/// an earlier run wrote is there, and right.
std::unique_ptr<ExportTarget> make_directory_target(const std::filesystem::path& directory);
/// A tar stream.
std::unique_ptr<ExportTarget> make_stream_target(int fd);

}  // namespace hubcache::mirror
