#pragma once

#include <cstddef>

#include "hubcache/access/grants.h"
#include "hubcache/base/lru.h"

#include "turns.h"

namespace hubcache::access {

/// What Access has on each worker.
struct Access::Shard {
  explicit Shard(std::size_t capacity) : decisions(capacity) {}
  Lru<Decision> decisions;
  Turns turns;  // at asking, by repo and caller
};

}  // namespace hubcache::access
