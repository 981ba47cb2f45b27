#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "hubcache/store/staging.h"

#include "part.h"
#include "part_hash.h"
#include "shared.h"

namespace hubcache::store {

struct Staging::Impl {
  Impl(std::shared_ptr<Shared> s, StageRequest r, std::string n, Part::Opened opened,
       std::shared_ptr<Allowance> a, Executor executor);
  ~Impl();
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  bool are_next(std::uint64_t offset) const;
  void stop_hashing();

  const std::shared_ptr<Shared> shared;
  const Digest digest;
  const std::uint64_t size;
  std::string via;
  const std::string name;  // Layout::fill_name()
  const std::shared_ptr<Part> part;
  const std::shared_ptr<Allowance> allowance;

  BlockMap blocks;
  ByteSet writing;                        // in the pool, not marked yet
  std::vector<std::uint64_t> unrecorded;  // whole blocks no checkpoint has taken
  std::uint64_t unsynced = 0;             // bytes marked since the last checkpoint began
  int checkpoints = 0;                    // in the pool
  bool row_durable = false;               // a loss of power leaves the fill's row

  const std::shared_ptr<PartHash> hash;
  std::uint64_t hashed = 0;
  bool hashing = false;  // in the pool
  Timer hash_stopped;    // never expires; cancelled to wake who waits for the hash
  bool verified = false;
  bool failed = false;  // hashed to the end, and false
  bool ended = false;   // sealed or discarded
};

}  // namespace hubcache::store
