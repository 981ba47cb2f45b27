// A second look at what is stored.
#include <chrono>
#include <exception>
#include <optional>
#include <utility>

#include <sys/stat.h>

#include "hubcache/store/open_blobs.h"
#include "hubcache/store/store.h"

#include "rows.h"
#include "store_impl.h"

namespace hubcache::store {
namespace {

Task<void> forget_on(OpenBlobs& blobs, Digest digest) {
  blobs.forget(digest);
  co_return;
}

bool are_one_file(const Fd& a, const Fd& b) {
  struct stat one{};
  struct stat other{};
  return ::fstat(a.get(), &one) == 0 && ::fstat(b.get(), &other) == 0 &&
         one.st_dev == other.st_dev && one.st_ino == other.st_ino;
}

}  // namespace

/// No worker serves it from what it has open any more.
Task<void> Store::Impl::forget(std::shared_ptr<Impl> self, Digest digest) {
  for (const auto& shelf : self->shelves.all()) {
    co_await on(shelf.worker, forget_on(*shelf.blobs, digest));
  }
}

// After a loss of power the file may be back, without a row: then it is hashed before its next use.
Task<bool> Store::Impl::put_aside(std::shared_ptr<Impl> self, Digest digest, Found found) {
  co_await forget(self, digest);
  auto move = [self, digest, file = found.file]() -> std::optional<std::uint64_t> {
    const auto there = self->disk.open(self->layout.blob(digest));
    if (!there || !are_one_file(*there, *file)) return std::nullopt;
    const auto aside = self->layout.quarantined(digest);
    const std::uint64_t replaced = self->disk.bytes_on_disk(aside);
    self->disk.rename(self->layout.blob(digest), aside);
    return replaced;
  };
  const auto replaced = co_await offload(self->pool, std::move(move));
  if (!replaced) co_return false;
  auto take = [digest](db::Connection& sql) { return take_blob(sql, digest); };
  const auto row = co_await self->database.write(std::move(take));
  self->space.add_used(found.size.on_disk);
  self->space.remove_used(*replaced + (row ? row->on_disk : 0));
  self->log.error("a stored file was not what its name says and is in quarantine",
                  {{"digest", digest.text()}});
  co_return true;
}

Task<bool> Store::Impl::reads_right(std::shared_ptr<Impl> self, Digest digest, Found found,
                                    std::uint64_t rate) {
  try {
    co_return co_await hashes_to(self, digest, found, rate);
  } catch (const Error& error) {
    if (error.kind() != Error::Kind::kIo) throw;
    self->log.error("a stored file cannot be read",
                    {{"digest", digest.text()}, {"context", error.context()}});
  }
  co_return false;
}

Task<Check> Store::Impl::check(std::shared_ptr<Impl> self, Digest digest, std::uint64_t rate) {
  auto find_row = [digest](db::Connection& sql) { return find_blob(sql, digest); };
  const auto row = co_await self->database.read(std::move(find_row));
  if (row && row->state == BlobState::kLeaving) co_return Check::kUnknown;
  auto find_file = [self, digest] { return look(self, digest); };
  const auto found = co_await offload(self->pool, std::move(find_file));
  if (!found) {
    if (!row) co_return Check::kUnknown;
    co_await forget(self, digest);
    co_await self->heal(std::move(digest), false);
    co_return Check::kMissing;
  }
  if ((!row || row->size == found->size.size) && co_await reads_right(self, digest, *found, rate)) {
    co_return Check::kRight;
  }
  co_return co_await put_aside(self, std::move(digest), *found) ? Check::kFalse : Check::kUnknown;
}

Task<void> Store::Impl::settle(std::shared_ptr<Impl> self, Digest digest) {
  self->log.error("a stored file could not be read while it was served",
                  {{"digest", digest.text()}});
  try {
    co_await forget(self, digest);  // nobody opens it again while it is doubted
    co_await check(self, digest, 0);
  } catch (const std::exception& failure) {
    self->log.error("a stored file that could not be read could not be checked",
                    {{"digest", digest.text()}, {"context", failure.what()}});
  }
  self->doubted.end(digest);
}

Task<Check> Store::check(Digest digest, std::uint64_t rate) {
  return Impl::check(impl_, std::move(digest), rate);
}

Task<std::vector<Stored>> Store::list(std::optional<Digest> after, std::size_t limit) {
  auto read = [after = after ? after->text() : std::string(), limit](db::Connection& sql) {
    return list_blobs(sql, after, limit);
  };
  co_return co_await impl_->database.read(std::move(read));
}

Task<Holdings> Store::holdings() {
  auto read = [](db::Connection& sql) { return holdings_of(sql); };
  co_return co_await impl_->database.read(std::move(read));
}

}  // namespace hubcache::store
