#pragma once

#include <cstdint>
#include <string>

#include "hubcache/catalog/catalog.h"
#include "hubcache/content/services.h"

namespace hubcache::content {

/// What an answer about a public file rests on, beside the file itself: all that could have changed
/// when it is said again. Looked at in memory.
struct Ground {
  /// Of what was answered there. The right to it was everybody's, by the name that was asked for,
  /// and in no part stale.
  static Ground of(const Place& place, const hub::FileRef& file, const std::string& commit);

  /// Would it be answered the same way now, on this worker?
  bool holds(const Services& services) const;
  bool is_same(const Ground& other) const;
  /// What every read of the repo brings with it.
  void note_read(const Services& services) const;

  std::uint64_t registry = 0;     // version of the snapshot that leads here
  std::uint64_t rules = 0;        // version of those that let it pass
  std::string right{};            // key of Access
  catalog::Catalog::Keys keys{};  // of the revision
  std::string commit{};
  // Of a remote with policy `immediate`: what is to be prefetched.
  hub::EndpointPtr prefetched{};
  hub::RepoId repo{};
};

}  // namespace hubcache::content
