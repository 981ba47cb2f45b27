#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "hubcache/access/grants.h"
#include "hubcache/base/joined.h"
#include "hubcache/base/lru.h"

#include "turns.h"

namespace hubcache::access {

constexpr std::string_view kEverybody = "*";

/// Of a decision about the repo, for the caller with that key or for everybody.
inline std::string grant_key(std::string_view scope, const hub::RepoId& repo,
                             std::string_view caller) {
  return joined({scope, "\n", hub::name_of(repo.type), "/", repo.name, "\n", caller, "\n"});
}

/// What Access has on each worker.
struct Access::Shard {
  explicit Shard(std::size_t capacity) : decisions(capacity) {}
  Lru<Decision> decisions;
  Turns turns;  // at asking, by repo and caller
};

}  // namespace hubcache::access
