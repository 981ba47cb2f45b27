#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "hubcache/base/clock.h"
#include "hubcache/base/digest.h"
#include "hubcache/base/workers.h"
#include "hubcache/db/database.h"
#include "hubcache/obs/counts.h"
#include "hubcache/obs/log.h"
#include "hubcache/store/blob.h"
#include "hubcache/store/disk.h"
#include "hubcache/store/open_blobs.h"
#include "hubcache/store/staging.h"

namespace hubcache::store {

/// The store's part of the database's format.
std::span<const db::Migration> migrations();

struct Options {
  std::filesystem::path data_dir;
  std::uint64_t max_size = 0;                            // bytes on disk; 0: no limit
  std::uint64_t min_free = std::uint64_t{1} << 30;       // bytes the file system keeps free
  std::vector<std::filesystem::path> also_counted = {};  // files of others, within max_size too
  std::chrono::hours bad_digest_time{std::chrono::days(30)};
};

/// What is to be staged.
struct StageRequest {
  Digest digest;
  std::uint64_t size = 0;
  std::string origin;     // bytes of one hub origin are never mixed with another's
  std::string via;        // the repo they are read through
  bool keep_via = false;  // of an earlier run, rather than mix: nothing comes through `via` yet
  bool whole = true;      // reserve all of the size now; else as blocks come, in steps of 64 MiB
};

/// What the rows say of a blob.
struct Stored {
  Digest digest;
  std::uint64_t size = 0;
  std::uint64_t on_disk = 0;
  WallTime used;  // last; hits of the last ten minutes may not be written down
  bool pinned = false;
};

/// What a second look at a stored blob says.
enum class Check : std::uint8_t {
  kRight,
  kFalse,    // was not what its name says, or could not be read; it is in quarantine/ now
  kMissing,  // there was a row and no file; the row is gone now
  kUnknown,  // there is no such blob, or it is being evicted
};
constexpr bool is_gone(Check check) { return check == Check::kFalse || check == Check::kMissing; }

/// What was evicted. Readable from any thread.
struct Evicted {
  obs::Counter blobs;
  obs::Counter fills;  // parked ones
  obs::Counter bytes;  // on disk
};

/// What the rows say of all blobs together.
struct Holdings {
  std::uint64_t blobs = 0;
  std::uint64_t bytes = 0;  // of contents
};

/// Blobs on disk, named by digest. The files are the truth, the rows their index: a row without a
/// file is a miss and goes; a file without a row is hashed again before its first use (SECURITY
/// 14). Callable from any worker; disk and SQL run in pools, but for looks that need no disk.
///
/// What is written has its space reserved before, so that max_size and min_free hold; when there
/// is none, what was used longest ago goes, never a pinned one or one that is being read. For one
/// fill at most a quarter of the cache goes that was used within a day (SECURITY 19).
class Store {
 public:
  /// Eviction runs on `home`, a worker's executor, for as long as that lives.
  Store(Options options, Disk& disk, db::Database& database, Pool& disk_pool, Executor home,
        const Clock& clock, obs::Log& log);
  ~Store();
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;

  /// At start-up, before anything else, on a thread that may block: makes the directories and
  /// reconciles staging rows with fills/. Never looks at blobs.
  void recover();

  /// The stored blob, or nullopt. The way in for OpenBlobs; handlers ask that. `row` if it was
  /// read just before.
  Task<std::optional<Blob>> open(Digest digest, std::optional<BlobRow> row = std::nullopt);
  /// The row of a blob, for who reads more from the database with it.
  static std::optional<BlobRow> row_of(db::Connection& sql, const Digest& digest);
  Task<bool> contains(Digest digest);
  /// What the file system says of an open file; nullopt when it fails.
  std::optional<Disk::FileSize> size(const Fd& file) const;
  /// What a blob's file, or a fill's, has there; by way of the disk's pool. Throws kCorrupt when
  /// the file is too short.
  Task<std::string> read(std::shared_ptr<const Fd> file, std::uint64_t offset,
                         std::uint64_t length) const;
  /// Removes a blob; who reads it reads on. False when it was not there.
  Task<bool> remove(Digest digest);
  /// Hashes the blob's file again, at `rate` bytes a second at most (0: as fast as it can be read).
  /// What is not right is taken out of the way, also from who has it open and does not read it
  /// just now, so that its next use fetches it anew. Ends by cancellation, after some MiB.
  Task<Check> check(Digest digest, std::uint64_t rate = 0);
  /// A good limit of `list` for who goes through all.
  static constexpr std::size_t kPage = 1'000;
  /// Blobs in the order of their digests' text, those after `after`, `limit` of them at most.
  Task<std::vector<Stored>> list(std::optional<Digest> after, std::size_t limit);
  Task<Holdings> holdings();
  /// Looks for files of blobs that no row speaks of, as a loss of power or a damaged database may
  /// leave them, and gives them one: from then on they count and may go. Returns how many there
  /// were.
  Task<std::uint64_t> adopt_lost();
  /// Keeps a blob from eviction, stored or not yet, for as long as one `holder` (any name) pins it.
  Task<void> pin(Digest digest, std::string holder);
  Task<void> unpin(Digest digest, std::string holder);

  /// A place for a blob to grow, with what an earlier try left of it, after eviction if need be.
  /// Throws kNoSpace when there is no room, also for a file larger than the cache, for which
  /// nothing is evicted; kConflict when this blob of this origin is being staged already.
  Task<std::unique_ptr<Staging>> stage(StageRequest request);
  /// How much of a file of `wished` bytes stage() would find room for now, by evicting too. Nothing
  /// is reserved: it is a forecast. 0 when the disk fails, and for a minute after distrust_disk().
  Task<std::uint64_t> room(std::uint64_t wished);
  /// Writing failed though there was room by all that is known. Callable from any thread.
  void distrust_disk() noexcept;
  /// The repo through which the bytes of a parked blob came (Staging::via()); nullopt when nothing
  /// is parked.
  Task<std::optional<std::string>> parked_via(std::string origin, Digest digest);

  /// SECURITY 12: a download of this digest from this origin was false. Known to all at once,
  /// durable on return.
  Task<void> remember_bad(std::string origin, Digest digest);
  /// When that was, the last time within bad_digest_time. From memory.
  std::optional<WallTime> bad_since(const std::string& origin, const Digest& digest) const;

  /// Evicts, however recently it was used, what is needed for max_size and min_free to hold again
  /// where others wrote without a promise: the database, or who else is on the file system. False
  /// when all that may go would not do; then nothing was evicted.
  Task<bool> restore_room();
  /// Asks whether that is so urgent that nobody should write more. Looks at the disk; callable from
  /// any thread, also when this is gone.
  std::function<bool()> overdrawn_check() const;

  /// Bytes that blobs and fills take on disk, promised ones included, and what else counts.
  std::uint64_t used() const noexcept;
  const Evicted& evicted() const noexcept;
  const Options& options() const noexcept;
  const Clock& clock() const noexcept;

 private:
  friend class OpenBlobs;
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace hubcache::store
