#include "hubcache/store/store.h"

#include <algorithm>
#include <utility>

#include "hubcache/base/error.h"
#include "hubcache/base/uninterrupted.h"

#include "on_exit.h"
#include "part_hash.h"
#include "recovery.h"
#include "rows.h"
#include "staging_impl.h"
#include "store_impl.h"

namespace hubcache::store {
namespace {

constexpr std::chrono::milliseconds kAdoptionPoll{20};
constexpr std::uint64_t kLargest = std::uint64_t{1} << 60;  // whatever upstream says
constexpr std::chrono::minutes kDistrust{1};
constexpr int kMostAttempts = 3;
constexpr std::uint64_t kLeastForRange = 4 * kBlockSize;

std::chrono::steady_clock::duration time_of(std::uint64_t bytes, std::uint64_t rate) {
  const std::chrono::duration<double> seconds(static_cast<double>(bytes) /
                                              static_cast<double>(rate));
  return std::chrono::duration_cast<std::chrono::steady_clock::duration>(seconds);
}

}  // namespace

std::optional<Store::Impl::Found> Store::Impl::look(const std::shared_ptr<Impl>& self,
                                                    const Digest& digest) {
  auto held = hold(self, digest);
  auto file = self->disk.open(self->layout.blob(digest));
  if (!file) return std::nullopt;
  *held = std::move(*file);
  const auto size = self->disk.size(*held);
  return Found{.file = std::move(held), .size = size};
}

std::optional<Store::Impl::Found> Store::Impl::look_at_once(const std::shared_ptr<Impl>& self,
                                                            const Digest& digest) {
  auto held = hold(self, digest);
  auto file = self->disk.open_at_once(self->layout.blob_name(digest));
  if (!file) return std::nullopt;
  *held = std::move(*file);
  const auto size = self->size_of(*held);
  if (!size) return std::nullopt;
  return Found{.file = std::move(held), .size = *size};
}

std::optional<Disk::FileSize> Store::Impl::size_of(const Fd& file) const {
  try {
    return disk.size(file);
  } catch (const Error&) {
    return std::nullopt;
  }
}

Store::Store(Options options, Disk& disk, db::Database& database, Pool& disk_pool, Executor home,
             const Clock& clock, obs::Log& log)
    : impl_(std::make_shared<Impl>(std::move(options), disk, database, disk_pool, home, clock,
                                   log)) {}

Store::~Store() = default;

std::uint64_t Store::used() const noexcept { return impl_->space.total(); }
const Evicted& Store::evicted() const noexcept { return impl_->evicted; }
const Options& Store::options() const noexcept { return impl_->options; }
const Clock& Store::clock() const noexcept { return impl_->clock; }

void Store::recover() {
  recover_files(*impl_);
  const auto now = impl_->clock.now();
  const auto bad =
      impl_->database.write_now([&](db::Connection& sql) { return current_bad_digests(sql, now); });
  for (const auto& row : bad) impl_->bad_digests.add(row.origin, row.digest, row.until);
}

std::optional<BlobRow> Store::row_of(db::Connection& sql, const Digest& digest) {
  return find_blob(sql, digest);
}

Task<std::optional<Blob>> Store::open(Digest digest, std::optional<BlobRow> row) {
  const bool was_given = row.has_value();
  if (!row) {
    auto find_row = [digest](db::Connection& sql) { return find_blob(sql, digest); };
    row = co_await impl_->database.read(std::move(find_row));
  }
  if (row && row->state == BlobState::kLeaving) co_return std::nullopt;
  auto found = Impl::look_at_once(impl_, digest);
  if (!found) {
    auto find_file = [impl = impl_, digest] { return Impl::look(impl, digest); };
    found = co_await offload(impl_->pool, std::move(find_file));
  }

  if (!row && !found) co_return std::nullopt;
  if (found && (!row || row->state == BlobState::kUnverified)) {
    co_return co_await Impl::adopt(impl_, std::move(digest), std::move(*found));
  }
  if (!found || found->size.size != row->size) {
    // It may have been evicted and fetched again since.
    if (was_given) co_return co_await open(std::move(digest));
    co_await impl_->heal(std::move(digest), found.has_value());
    co_return std::nullopt;
  }
  co_return Blob{.digest = std::move(digest),
                 .size = row->size,
                 .file = std::move(found->file),
                 .used = row->used};
}

/// A file without a row may be anybody's: it counts once it was hashed again. Who asks meanwhile
/// waits, for that is cheaper than another download.
Task<std::optional<Blob>> Store::Impl::adopt(std::shared_ptr<Impl> self, Digest digest,
                                             Found found) {
  if (!self->adopting.begin(digest)) {
    Timer timer(co_await asio::this_coro::executor);
    while (!self->adopting.begin(digest)) {
      timer.expires_after(kAdoptionPoll);
      co_await timer.async_wait(use_task);
    }
  }
  const OnExit adoption([&] { self->adopting.end(digest); });

  Blob blob{.digest = digest, .size = found.size.size, .file = found.file};
  auto find_row = [digest](db::Connection& sql) { return find_blob(sql, digest); };
  const auto row = co_await self->database.read(std::move(find_row));
  if (row && row->state == BlobState::kStored && row->size == blob.size) co_return blob;

  const bool right = co_await hashes_to(self, digest, found);
  if (!right) {
    self->log.warn("a stored file was not what its name says and is removed",
                   {{"digest", digest.text()}});
    co_await self->heal(digest, true);
    co_return std::nullopt;
  }
  auto record = [digest, now = self->clock.now(),
                 fresh = BlobRow{.size = blob.size, .on_disk = found.size.on_disk}](
                    db::Connection& sql) { return put_blob(sql, digest, fresh, now); };
  const std::uint64_t counted = co_await self->database.write(std::move(record));
  self->space.add_used(found.size.on_disk);
  self->space.remove_used(counted);
  self->log.info("a stored file was adopted", {{"digest", digest.text()}, {"size", blob.size}});
  co_return blob;
}

Task<bool> Store::Impl::hashes_to(std::shared_ptr<Impl> self, Digest digest, Found found,
                                  std::uint64_t rate) {
  auto hash = std::make_shared<PartHash>(digest.algorithm(), found.size.size);
  Timer turn(co_await asio::this_coro::executor, std::chrono::steady_clock::now());
  while (hash->done() < found.size.size) {
    const std::uint64_t begin = hash->done();
    const std::uint64_t end = std::min(found.size.size, begin + PartHash::kPiece);
    auto work = [self, hash, file = found.file, end] { hash->advance(self->disk, *file, end); };
    co_await offload(self->pool, std::move(work));
    if (rate == 0) continue;
    // After the last piece too: small files have no other.
    turn.expires_at(turn.expiry() + time_of(end - begin, rate));
    co_await turn.async_wait(use_task);
  }
  co_return hash->finish() == digest;
}

Task<void> Store::Impl::heal(Digest digest, bool remove_file) {
  if (remove_file) {
    auto work = [this, digest] { disk.remove(layout.blob(digest)); };
    co_await offload(pool, std::move(work));
  }
  auto take = [digest](db::Connection& sql) { return take_blob(sql, digest); };
  const auto gone = co_await database.write(std::move(take));
  if (gone) removed(digest, gone->on_disk);
}

std::optional<Disk::FileSize> Store::size(const Fd& file) const { return impl_->size_of(file); }

Task<std::string> Store::read(std::shared_ptr<const Fd> file, std::uint64_t offset,
                              std::uint64_t length) const {
  auto work = [impl = impl_, file = std::move(file), offset, length] {
    std::string bytes(length, '\0');
    const auto count = impl->disk.pread(*file, offset, std::as_writable_bytes(std::span(bytes)));
    if (count < length) throw Error(Error::Kind::kCorrupt, "a stored file is too short");
    return bytes;
  };
  co_return co_await offload(impl_->pool, std::move(work));
}

Task<bool> Store::contains(Digest digest) {
  co_return (co_await open(std::move(digest))).has_value();
}

Task<bool> Store::Impl::remove(std::shared_ptr<Impl> self, Digest digest) {
  co_await forget(self, digest);
  auto work = [self, digest] { return self->disk.remove(self->layout.blob(digest)); };
  const bool was_there = co_await offload(self->pool, std::move(work));
  co_await self->heal(std::move(digest), false);
  co_return was_there;
}

/// To its end, also for a task that is cancelled: a row without a file counts as space that is
/// used.
Task<bool> Store::remove(Digest digest) {
  co_return co_await uninterrupted(Impl::remove(impl_, std::move(digest)));
}

void Store::Impl::write_uses(std::vector<BlobUse> uses) {
  database.write_soon([uses = std::move(uses)](db::Connection& sql) {
    for (const auto& use : uses) touch_blob(sql, use.digest, use.at);
  });
}

Task<void> Store::pin(Digest digest, std::string holder) {
  auto change = [digest = std::move(digest), holder = std::move(holder)](db::Connection& sql) {
    put_pin(sql, digest, holder);
  };
  co_await impl_->database.write(std::move(change));
}

Task<void> Store::unpin(Digest digest, std::string holder) {
  auto change = [digest = std::move(digest), holder = std::move(holder)](db::Connection& sql) {
    drop_pin(sql, digest, holder);
  };
  co_await impl_->database.write(std::move(change));
}

/// Evicts when there is no room. Others may take what became free, so it may need more than one go.
Task<Part::Opened> Store::Impl::open_part(std::shared_ptr<Impl> self, Part::Plan plan,
                                          std::shared_ptr<Allowance> allowance) {
  const std::uint64_t most = Part::most_on_disk(plan.size);
  const std::uint64_t all = most - std::min(most, plan.already_used);
  const std::uint64_t needed = plan.whole ? all : std::min(all, kLeastForRange);
  const std::uint64_t wished = plan.whole ? all : std::min(all, kSpaceStep);
  for (int attempt = 1;; ++attempt) {
    std::optional<Error> full;
    try {
      // Before anything is made of that size, or evicted for it (SECURITY 15).
      auto work = [self, plan]() -> std::optional<Part::Opened> {
        if (!self->space.is_sane(plan.size)) return std::nullopt;
        return Part::open(self, plan);
      };
      auto opened = co_await offload(self->pool, std::move(work));
      if (opened) co_return *std::move(opened);
    } catch (const Error& error) {
      if (error.kind() != Error::Kind::kNoSpace) throw;
      full = error;
    }
    if (!full) {
      throw Error(Error::Kind::kNoSpace, "there is no room for a file of that size");
    }
    if (attempt == kMostAttempts || !co_await Evictor::make_room(self, needed, wished, allowance)) {
      throw *full;
    }
  }
}

void Store::distrust_disk() noexcept {
  impl_->distrusted_until = impl_->clock.steady() + kDistrust;
}

Task<std::uint64_t> Store::room(std::uint64_t wished) {
  if (impl_->clock.steady() < impl_->distrusted_until.load()) co_return 0;
  wished = std::min(wished, kLargest);
  const std::uint64_t most = Part::most_on_disk(wished);
  const std::uint64_t map = most - wished;
  try {
    const std::uint64_t found = co_await Evictor::room(impl_, most);
    co_return found - std::min(found, map);
  } catch (const Error& error) {
    impl_->log.warn("how much room there is cannot be told", {{"context", error.context()}});
  }
  co_return 0;
}

Task<bool> Store::restore_room() {
  try {
    co_return co_await Evictor::restore(impl_);
  } catch (const Error& error) {
    impl_->log.warn("room could not be made",
                    {{"message", error.what()}, {"context", error.context()}});
  }
  co_return true;  // as far as is known
}

std::function<bool()> Store::overdrawn_check() const {
  return [impl = impl_] {
    try {
      return impl->space.is_overdrawn();
    } catch (const Error&) {
      return false;  // whoever writes will be told
    }
  };
}

Task<std::unique_ptr<Staging>> Store::stage(StageRequest request) {
  const std::string name = Layout::fill_name(request.digest, request.origin);
  while (impl_->fills.is_leaving(name)) co_await Evictor::wait_for_one(impl_);
  std::uint64_t used = impl_->fills.acquire(name);
  bool kept = false;
  const OnExit acquired([impl = impl_, &name, &used, &kept] {
    if (!kept) impl->fills.park(name, used);
  });

  auto find_row = [name](db::Connection& sql) { return find_fill(sql, name); };
  const auto row = co_await impl_->database.read(std::move(find_row));
  if (row && request.keep_via) request.via = row->via;

  Part::Plan plan{.digest = request.digest,
                  .size = request.size,
                  .name = name,
                  .whole = request.whole,
                  .already_used = used};
  const auto allowance = std::make_shared<Allowance>();
  auto opened = co_await Impl::open_part(impl_, std::move(plan), allowance);
  used = opened.part->used();

  // Bytes that are there already came through the repo of the row.
  if (opened.blocks.blocks_present() > 0 && (!row || row->via != request.via)) request.via.clear();
  FillRow fresh{.name = name,
                .digest = request.digest.text(),
                .origin = request.origin,
                .via = request.via,
                .size = request.size};
  const bool mixed_now = row && row->via != fresh.via;
  auto record = [fresh = std::move(fresh), now = impl_->clock.now()](db::Connection& sql) {
    put_fill(sql, fresh, now);
  };
  std::optional<Error> failure;
  try {
    if (mixed_now) {
      // Else a loss of power could leave the old row with the new repo's bytes.
      co_await impl_->database.write_durable(std::move(record));
    } else {
      co_await impl_->database.write(std::move(record));
    }
  } catch (const Error& error) {
    failure = error;
  }
  if (failure) {
    // No row leads to it: nothing would ever evict it.
    auto take_back = [part = opened.part] { part->take_back(); };
    co_await offload(impl_->pool, std::move(take_back));
    used = opened.part->used();
    if (failure->kind() != Error::Kind::kUnavailable) throw Error(*failure);
    // As a disk that fails: who wants the bytes goes on without storing them.
    throw Error(Error::Kind::kIo, "the disk failed", failure->context());
  }

  const Executor home = co_await asio::this_coro::executor;
  auto staging = std::make_unique<Staging::Impl>(impl_, std::move(request), name, std::move(opened),
                                                 allowance, home);
  kept = true;
  Evictor::keep_headroom(impl_);
  co_return std::unique_ptr<Staging>(new Staging(std::move(staging)));
}

Task<std::optional<std::string>> Store::parked_via(std::string origin, Digest digest) {
  auto find_row = [name = Layout::fill_name(digest, origin)](db::Connection& sql) {
    return find_fill(sql, name);
  };
  auto row = co_await impl_->database.read(std::move(find_row));
  if (!row) co_return std::nullopt;
  co_return std::move(row->via);
}

Task<void> Store::remember_bad(std::string origin, Digest digest) {
  BadDigestRow row{.origin = std::move(origin),
                   .digest = digest.text(),
                   .until = impl_->clock.now() + impl_->options.bad_digest_time};
  impl_->bad_digests.add(row.origin, row.digest, row.until);
  auto record = [row = std::move(row)](db::Connection& sql) { put_bad_digest(sql, row); };
  co_await impl_->database.write_durable(std::move(record));
}

std::optional<WallTime> Store::bad_since(const std::string& origin, const Digest& digest) const {
  const auto until = impl_->bad_digests.until(origin, digest);
  if (!until || *until <= impl_->clock.now()) return std::nullopt;
  return *until - impl_->options.bad_digest_time;
}

}  // namespace hubcache::store
