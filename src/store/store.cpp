#include "hubcache/store/store.h"

#include <algorithm>
#include <set>
#include <utility>

#include "hubcache/base/error.h"

#include "bad_digests.h"
#include "on_exit.h"
#include "part.h"
#include "part_hash.h"
#include "recovery.h"
#include "rows.h"
#include "staging_impl.h"

namespace hubcache::store {
namespace {

constexpr std::chrono::milliseconds kAdoptionPoll{20};

struct Found {
  std::shared_ptr<const Fd> file;
  Disk::FileSize size;
};

std::optional<Found> look(Disk& disk, const std::filesystem::path& path) {
  auto file = disk.open(path);
  if (!file) return std::nullopt;
  const auto size = disk.size(*file);
  return Found{.file = std::make_shared<const Fd>(std::move(*file)), .size = size};
}

}  // namespace

struct Store::Impl : Shared {
  using Shared::Shared;

  static Task<std::optional<Blob>> adopt(std::shared_ptr<Impl> self, Digest digest, Found found);
  Task<bool> hashes_to(Digest digest, Found found);
  Task<void> heal(Digest digest, bool remove_file);
  bool begin_adoption(const Digest& digest) {
    const std::lock_guard lock(adopting_mutex);
    return adopting.insert(digest).second;
  }
  void end_adoption(const Digest& digest) {
    const std::lock_guard lock(adopting_mutex);
    adopting.erase(digest);
  }

  BadDigests bad_digests;
  std::mutex adopting_mutex;  // adoptions begin on any worker
  std::set<Digest> adopting;
};

Store::Store(Options options, Disk& disk, db::Database& database, Pool& disk_pool,
             const Clock& clock, obs::Log& log)
    : impl_(std::make_shared<Impl>(std::move(options), disk, database, disk_pool, clock, log)) {}

Store::~Store() = default;

std::uint64_t Store::used() const noexcept { return impl_->space.total(); }
const Options& Store::options() const noexcept { return impl_->options; }
const Clock& Store::clock() const noexcept { return impl_->clock; }

void Store::recover() {
  recover_files(*impl_);
  const auto now = impl_->clock.now();
  const auto bad =
      impl_->database.write_now([&](db::Connection& sql) { return current_bad_digests(sql, now); });
  for (const auto& row : bad) impl_->bad_digests.add(row.origin, row.digest, row.until);
}

Task<std::optional<Blob>> Store::open(Digest digest) {
  auto find_row = [digest](db::Connection& sql) { return find_blob(sql, digest); };
  const auto row = co_await impl_->database.read(std::move(find_row));
  auto find_file = [impl = impl_, digest] { return look(impl->disk, impl->layout.blob(digest)); };
  auto found = co_await offload(impl_->pool, std::move(find_file));

  if (!row && !found) co_return std::nullopt;
  if (!row) co_return co_await Impl::adopt(impl_, std::move(digest), std::move(*found));
  if (!found || found->size.size != row->size) {
    co_await impl_->heal(std::move(digest), found.has_value());
    co_return std::nullopt;
  }
  co_return Blob{.digest = std::move(digest), .size = row->size, .file = std::move(found->file)};
}

/// A file without a row may be anybody's: it counts once it was hashed again. Who asks meanwhile
/// waits, for that is cheaper than another download.
Task<std::optional<Blob>> Store::Impl::adopt(std::shared_ptr<Impl> self, Digest digest,
                                             Found found) {
  if (!self->begin_adoption(digest)) {
    Timer timer(co_await asio::this_coro::executor);
    while (!self->begin_adoption(digest)) {
      timer.expires_after(kAdoptionPoll);
      co_await timer.async_wait(use_task);
    }
  }
  const OnExit adoption([&] { self->end_adoption(digest); });

  Blob blob{.digest = digest, .size = found.size.size, .file = found.file};
  auto find_row = [digest](db::Connection& sql) { return find_blob(sql, digest); };
  const auto row = co_await self->database.read(std::move(find_row));
  if (row && row->size == blob.size) co_return blob;

  const bool right = co_await self->hashes_to(digest, found);
  if (!right) {
    self->log.warn("a stored file was not what its name says and is removed",
                   {{"digest", digest.text()}});
    co_await self->heal(digest, true);
    co_return std::nullopt;
  }
  auto record = [digest, now = self->clock.now(),
                 fresh = BlobRow{.size = blob.size, .on_disk = found.size.on_disk}](
                    db::Connection& sql) { put_blob(sql, digest, fresh, now); };
  co_await self->database.write(std::move(record));
  self->space.add_used(found.size.on_disk);
  self->log.info("a stored file was adopted", {{"digest", digest.text()}, {"size", blob.size}});
  co_return blob;
}

Task<bool> Store::Impl::hashes_to(Digest digest, Found found) {
  auto hash = std::make_shared<PartHash>(digest.algorithm(), found.size.size);
  while (hash->done() < found.size.size) {
    const std::uint64_t end = std::min(found.size.size, hash->done() + PartHash::kPiece);
    auto work = [this, hash, file = found.file, end] { hash->advance(disk, *file, end); };
    co_await offload(pool, std::move(work));
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
  if (gone) space.remove_used(gone->on_disk);
}

Task<bool> Store::contains(Digest digest) {
  co_return (co_await open(std::move(digest))).has_value();
}

Task<bool> Store::remove(Digest digest) {
  auto work = [impl = impl_, digest] { return impl->disk.remove(impl->layout.blob(digest)); };
  const bool was_there = co_await offload(impl_->pool, std::move(work));
  co_await impl_->heal(std::move(digest), false);
  co_return was_there;
}

void Store::touch(const Digest& digest) {
  impl_->database.write_soon(
      [digest, now = impl_->clock.now()](db::Connection& sql) { touch_blob(sql, digest, now); });
}

Task<std::unique_ptr<Staging>> Store::stage(StageRequest request) {
  const std::string name = Layout::fill_name(request.digest, request.origin);
  std::uint64_t used = impl_->fills.acquire(name);
  bool kept = false;
  const OnExit acquired([impl = impl_, &name, &used, &kept] {
    if (!kept) impl->fills.park(name, used);
  });

  auto find_row = [name](db::Connection& sql) { return find_fill(sql, name); };
  const auto row = co_await impl_->database.read(std::move(find_row));

  Part::Plan plan{.digest = request.digest,
                  .size = request.size,
                  .name = name,
                  .whole = request.whole,
                  .already_used = used};
  auto open_part = [impl = impl_, plan = std::move(plan)] { return Part::open(impl, plan); };
  auto opened = co_await offload(impl_->pool, std::move(open_part));
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
  if (mixed_now) {
    // Else a loss of power could leave the old row with the new repo's bytes.
    co_await impl_->database.write_durable(std::move(record));
  } else {
    co_await impl_->database.write(std::move(record));
  }

  const Executor home = co_await asio::this_coro::executor;
  auto staging =
      std::make_unique<Staging::Impl>(impl_, std::move(request), name, std::move(opened), home);
  kept = true;
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
