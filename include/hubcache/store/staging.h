#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "hubcache/base/digest.h"
#include "hubcache/base/fd.h"
#include "hubcache/base/task.h"
#include "hubcache/store/block_map.h"

namespace hubcache::store {

/// A blob in the making: a sparse file and the map of what is in it. Made by Store::stage(), then
/// written, verified and sealed. One that goes without seal() or discard() leaves what was
/// checkpointed for the next try.
///
/// Belongs to one worker; calls may overlap (several connections write) and end before it goes.
/// Failures of the disk are thrown as kNoSpace or kIo; bytes that were not written are not marked.
class Staging {
 public:
  ~Staging();
  Staging(const Staging&) = delete;
  Staging& operator=(const Staging&) = delete;

  const Digest& digest() const noexcept;
  std::uint64_t size() const noexcept;

  /// The repo through which all of the bytes came, those of earlier runs included; empty when they
  /// came through more than one.
  const std::string& via() const noexcept;
  /// Bytes come through another repo from now on: via() is empty then, durably before the return.
  Task<void> mix();

  const BlockMap& blocks() const noexcept;
  /// For sendfile; follow blocks() to know what may be read.
  std::shared_ptr<const Fd> file() const noexcept;

  /// Writes bytes, which must stay valid until the return, and marks them. Bytes that are present
  /// or being written already are skipped: what was hashed never changes. Hashes them, too, if they
  /// are the next that are to be. Reserves more space when a blob that was staged for a range
  /// outgrows what it has, with eviction if need be (kNoSpace).
  Task<void> write(std::uint64_t offset, std::span<const std::byte> bytes);

  /// Makes what is present now survive anything: syncs the bytes, then records the new blocks, so
  /// that the next run resumes here. Blocks that it did not come to are recorded by the next one,
  /// those of a sync that failed by none.
  Task<void> checkpoint();
  /// Bytes marked since the last checkpoint began.
  std::uint64_t bytes_since_checkpoint() const noexcept;

  /// Hashes the next of the contiguous prefix, off the worker: a piece, so that other work in the
  /// pool has its turn. While something is hashed, it waits for that alone.
  Task<void> hash_ahead();
  /// How far the hash has come.
  std::uint64_t hashed() const noexcept;
  /// The hash of the bytes before hashed(); not while write() or hash_ahead() runs.
  Hasher hash_so_far() const;
  /// Hashes the rest of the complete blob; kCorrupt when the digest is another one.
  Task<void> verify();
  bool verified() const noexcept;

  /// Makes the verified blob a stored one, durably. It can be opened from then on.
  Task<void> seal();
  /// Removes the bytes and the map.
  Task<void> discard();

 private:
  friend class Store;
  struct Impl;
  explicit Staging(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace hubcache::store
