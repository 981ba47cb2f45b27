#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "hubcache/base/digest.h"
#include "hubcache/mirror/bundle.h"

namespace hubcache::mirror {

/// Bytes of a blob, in order. Fills `into` unless they end; 0: the end. Throws kIo, kCorrupt.
using ReadBytes = std::function<std::size_t(std::span<std::byte> into)>;
/// Hears what is wrong, for people; the rest goes on.
using Complain = std::function<void(const std::string& what)>;

/// Somebody else's files, read without believing any of it (SECURITY 24): no symlink is followed,
/// nothing but plain files is read, none further than its size, and what is in memory is bounded.
/// Blocks. One thread uses it, descriptions() once and then blobs().
class ImportSource {
 public:
  virtual ~ImportSource() = default;

  /// The descriptions that can be understood. Throws kBadRequest, kCorrupt or kIo when this is not
  /// what it should be at all.
  virtual std::vector<Description> descriptions(const Complain& complain) = 0;
  /// Gives those of the wanted blobs (with their sizes) that are there, each once, in any order.
  /// That the bytes are what the digest says is for `take` to find out. It may throw; then the
  /// failure is complained of and the next one comes.
  using Take = std::function<void(const Digest& digest, std::uint64_t size, const ReadBytes& read)>;
  virtual void blobs(const std::map<Digest, std::uint64_t>& wanted, const Take& take,
                     const Complain& complain) = 0;
};

/// An export in a directory.
std::unique_ptr<ImportSource> open_directory(const std::filesystem::path& directory);
/// An export as a tar stream; nothing else than tar is read from it.
std::unique_ptr<ImportSource> open_stream(int fd);
/// The cache of Python clients, `HF_HOME` (or its `hub` folder). Only snapshots whose files are
/// symlinks to blobs are read: others do not tell digests.
std::unique_ptr<ImportSource> open_hf_home(const std::filesystem::path& home);

}  // namespace hubcache::mirror
