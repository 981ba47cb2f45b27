#include "hubcache/store/staging.h"

#include <algorithm>
#include <utility>

#include <boost/asio/as_tuple.hpp>

#include "hubcache/base/error.h"

#include "on_exit.h"
#include "rows.h"
#include "staging_impl.h"

namespace hubcache::store {
namespace {

[[noreturn]] void misuse(const char* what) {
  throw Error(Error::Kind::kInternal, "an internal error", what);
}

}  // namespace

Staging::Impl::Impl(std::shared_ptr<Shared> s, StageRequest r, std::string n, Part::Opened opened,
                    std::shared_ptr<Allowance> a, Executor executor)
    : shared(std::move(s)),
      digest(std::move(r.digest)),
      size(r.size),
      via(std::move(r.via)),
      name(std::move(n)),
      part(std::move(opened.part)),
      allowance(std::move(a)),
      blocks(std::move(opened.blocks)),
      hash(std::make_shared<PartHash>(digest.algorithm(), size)),
      hash_stopped(executor, Timer::time_point::max()) {}

Staging::Impl::~Impl() {
  if (!ended) shared->fills.park(name, part->park());
}

/// Bytes there need not be read again for the hash: it has come so far, but for a little that came
/// out of order.
bool Staging::Impl::are_next(std::uint64_t offset) const {
  return !hashing && blocks.contiguous_end(hashed) == offset && offset - hashed <= PartHash::kPiece;
}

void Staging::Impl::stop_hashing() {
  hashing = false;
  hash_stopped.cancel();
}

Staging::Staging(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Staging::~Staging() = default;

const Digest& Staging::digest() const noexcept { return impl_->digest; }
std::uint64_t Staging::size() const noexcept { return impl_->size; }
const std::string& Staging::via() const noexcept { return impl_->via; }
const BlockMap& Staging::blocks() const noexcept { return impl_->blocks; }
std::shared_ptr<const Fd> Staging::file() const noexcept { return impl_->part->file(); }
std::uint64_t Staging::bytes_since_checkpoint() const noexcept { return impl_->unsynced; }
std::uint64_t Staging::hashed() const noexcept { return impl_->hashed; }
Hasher Staging::hash_so_far() const { return impl_->hash->copy(); }
bool Staging::verified() const noexcept { return impl_->verified; }

Task<void> Staging::mix() {
  if (impl_->via.empty()) co_return;
  auto change = [name = impl_->name](db::Connection& sql) { set_fill_via(sql, name, ""); };
  co_await impl_->shared->database.write_durable(std::move(change));
  impl_->via.clear();
}

Task<void> Staging::write(std::uint64_t offset, std::span<const std::byte> bytes) {
  Impl& my = *impl_;
  if (my.verified || my.ended) misuse("a write to a blob that was verified");
  if (bytes.size() > my.size || offset > my.size - bytes.size()) {
    throw Error(Error::Kind::kCorrupt, "there are more bytes than the blob has");
  }
  std::vector<ByteSpan> spans;
  for (const auto& gap : my.blocks.missing({.begin = offset, .end = offset + bytes.size()})) {
    const auto free = my.writing.missing(gap);
    spans.insert(spans.end(), free.begin(), free.end());
  }
  if (spans.empty()) co_return;

  for (const auto& span : spans) my.writing.add(span);
  const bool is_hashed = my.are_next(offset) && spans.front().length() == bytes.size();
  if (is_hashed) my.hashing = true;
  const OnExit written([&] {
    for (const auto& span : spans) my.writing.remove(span);
    if (is_hashed) my.stop_hashing();
  });
  auto work = [shared = my.shared, part = my.part, spans, offset, bytes,
               hash = is_hashed ? my.hash : nullptr] {
    part->write(spans, offset, bytes);
    if (!hash) return;
    hash->advance(shared->disk, *part->file(), offset);
    hash->add(bytes);
  };
  std::optional<Error> full;
  try {
    co_await offload(my.shared->pool, work);
  } catch (const Error& error) {
    if (error.kind() != Error::Kind::kNoSpace) throw;
    full = error;
  }
  if (full) {
    const std::uint64_t most = Part::most_on_disk(my.size);
    const std::uint64_t left = most - std::min(most, my.part->used());
    // Not what is left of the promise: the disk may be full of what others wrote.
    const std::uint64_t bytes_needed = on_pages(bytes.size());
    const std::uint64_t needed =
        bytes_needed - std::min(bytes_needed, my.part->unwritten()) + 2 * kBlockSize;
    const std::uint64_t wished = std::max(needed, std::min(left, kSpaceStep));
    if (!co_await Evictor::make_room(my.shared, needed, wished, my.allowance)) throw *full;
    co_await offload(my.shared->pool, std::move(work));
  }
  for (const auto& span : spans) {
    const auto whole = my.blocks.mark(span);
    my.unrecorded.insert(my.unrecorded.end(), whole.begin(), whole.end());
    my.unsynced += span.length();
  }
  if (is_hashed) my.hashed = offset + bytes.size();
}

Task<void> Staging::checkpoint() {
  Impl& my = *impl_;
  if (my.ended || (my.unrecorded.empty() && my.checkpoints == 0)) co_return;
  ++my.checkpoints;
  const OnExit done([&] { --my.checkpoints; });
  if (!my.row_durable) {
    // A start removes fills without a row. Syncing this commit syncs those before it, and the
    // row's.
    auto touch = [name = my.name, now = my.shared->clock.now()](db::Connection& sql) {
      touch_fill(sql, name, now);
    };
    co_await my.shared->database.write_durable(std::move(touch));
    my.row_durable = true;
  }
  // Blocks of a sync that fails stay unrecorded: the next run fetches them again.
  auto blocks = std::exchange(my.unrecorded, {});
  my.unsynced = 0;
  auto work = [part = my.part, blocks = std::move(blocks)] { part->checkpoint(blocks); };
  co_await offload(my.shared->pool, std::move(work));
}

Task<void> Staging::hash_ahead() {
  Impl& my = *impl_;
  if (my.hashing) {
    while (my.hashing) co_await my.hash_stopped.async_wait(asio::as_tuple(use_task));
    co_return;
  }
  const std::uint64_t end =
      std::min(my.blocks.contiguous_end(my.hashed), my.hashed + PartHash::kPiece);
  if (end == my.hashed) co_return;
  my.hashing = true;
  const OnExit stopped([&] { my.stop_hashing(); });
  auto work = [shared = my.shared, file = my.part->file(), hash = my.hash, end] {
    hash->advance(shared->disk, *file, end);
  };
  co_await offload(my.shared->pool, std::move(work));
  my.hashed = end;
}

Task<void> Staging::verify() {
  Impl& my = *impl_;
  if (my.verified) co_return;
  if (!my.blocks.complete()) misuse("verify of a blob that is not complete");
  while (my.hashing || my.hashed < my.size) co_await hash_ahead();
  if (!std::exchange(my.failed, true)) my.failed = my.hash->finish() != my.digest;
  if (my.failed) {
    throw Error(Error::Kind::kCorrupt, "the downloaded file is not what the Hub announced",
                my.digest.text());
  }
  my.verified = true;
}

Task<void> Staging::seal() {
  Impl& my = *impl_;
  if (!my.verified || my.ended) misuse("seal of a blob that was not verified");
  auto work = [part = my.part] { return part->seal(); };
  const std::uint64_t on_disk = co_await offload(my.shared->pool, std::move(work));
  my.ended = true;
  my.shared->fills.drop(my.name);

  auto record = [digest = my.digest, name = my.name, now = my.shared->clock.now(),
                 row = BlobRow{.size = my.size, .on_disk = on_disk}](db::Connection& sql) {
    drop_fill(sql, name);
    return put_blob(sql, digest, row, now);
  };
  std::uint64_t replaced = 0;  // the same content of another origin was sealed before
  std::optional<Error> failure;
  try {
    replaced = co_await my.shared->database.write(std::move(record));
  } catch (const std::exception& caught) {
    failure = Error::from(caught);
  }
  if (failure) {
    // A file without a row is not counted: its next use counts it, and gives it one.
    my.shared->space.remove_used(on_disk);
    throw Error(Error::Kind::kIo, "the disk failed", failure->context());
  }
  if (replaced > 0) my.shared->removed(my.digest, replaced);
}

Task<void> Staging::discard() {
  Impl& my = *impl_;
  if (my.ended) co_return;
  auto work = [part = my.part] { part->discard(); };
  co_await offload(my.shared->pool, std::move(work));
  my.ended = true;
  my.shared->fills.drop(my.name);
  auto forget = [name = my.name](db::Connection& sql) { drop_fill(sql, name); };
  co_await my.shared->database.write(std::move(forget));
}

}  // namespace hubcache::store
