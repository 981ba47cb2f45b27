#include "hubcache/store/open_blobs.h"

#include <algorithm>
#include <chrono>
#include <iterator>
#include <utility>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include "hubcache/base/error.h"
#include "hubcache/store/store.h"

#include "store_impl.h"

namespace hubcache::store {
namespace {

constexpr std::chrono::minutes kWriteInterval{10};
constexpr std::size_t kMostClosed = 256;
/// A use of one that had to be closed is written only when it is so much later than its row says.
constexpr std::chrono::minutes kUseInterval{10};

}  // namespace

OpenBlobs::OpenBlobs(Store& store, Executor worker, std::size_t capacity)
    : store_(store),
      worker_(std::move(worker)),
      capacity_(capacity),
      written_(store.clock().now()) {
  store_.impl_->shelves.add({.blobs = this, .worker = worker_});
}

OpenBlobs::~OpenBlobs() {
  store_.impl_->shelves.remove(this);
  write_uses();
}

std::shared_ptr<const Blob> OpenBlobs::find(const Digest& digest) {
  const auto found = by_digest_.find(digest);
  if (found == by_digest_.end()) return nullptr;
  entries_.splice(entries_.begin(), entries_, found->second);
  use(*found->second);
  return found->second->blob;
}

Task<std::shared_ptr<const Blob>> OpenBlobs::open(Digest digest, std::optional<BlobRow> row) {
  if (auto blob = find(digest)) co_return blob;
  if (store_.impl_->doubted.has(digest)) co_return nullptr;
  auto blob = co_await store_.open(digest, row);
  if (!blob || store_.impl_->doubted.has(digest)) co_return nullptr;
  // Somebody else on this worker may have opened it meanwhile.
  if (auto other = find(digest)) co_return other;
  co_return keep(std::move(*blob));
}

std::shared_ptr<const Blob> OpenBlobs::keep(Blob blob) {
  auto shared = std::make_shared<const Blob>(std::move(blob));
  entries_.push_front({.blob = shared, .used = {}});
  by_digest_.emplace(shared->digest, entries_.begin());
  use(entries_.front());
  if (entries_.size() > capacity_) {
    auto& oldest = entries_.back();
    // Where many are opened one after the other, each would be another write.
    if (oldest.used - oldest.blob->used < kUseInterval) oldest.noted = true;
    close(std::prev(entries_.end()));
  }
  return shared;
}

std::shared_ptr<const Fd> OpenBlobs::open_briefly(const Digest& digest,
                                                  const Disk::FileSize& expected) {
  if (store_.impl_->doubted.has(digest)) return nullptr;
  auto found = Store::Impl::look_at_once(store_.impl_, digest);
  if (!found || !found->size.is_same_file(expected)) return nullptr;
  return std::move(found->file);
}

void OpenBlobs::use(Entry& entry) {
  entry.used = store_.clock().now();
  entry.noted = false;
  write_due_uses(entry.used);
}

void OpenBlobs::note_use(const Digest& digest) {
  const auto now = store_.clock().now();
  closed_.push_back({.digest = digest, .at = now});
  write_due_uses(now);
}

void OpenBlobs::write_due_uses(WallTime now) {
  if (now - written_ >= kWriteInterval) {
    write_uses();
  } else if (closed_.size() >= kMostClosed) {
    store_.impl_->write_uses(std::exchange(closed_, {}));
  }
}

void OpenBlobs::close(std::list<Entry>::iterator entry) {
  if (!entry->noted) closed_.push_back({.digest = entry->blob->digest, .at = entry->used});
  by_digest_.erase(entry->blob->digest);
  entries_.erase(entry);
}

void OpenBlobs::forget(const Digest& digest) {
  const auto found = by_digest_.find(digest);
  if (found != by_digest_.end()) close(found->second);
}

bool OpenBlobs::doubt(const Fd& file) {
  const auto is_its = [&file](const Entry& entry) { return entry.blob->file.get() == &file; };
  const auto entry = std::ranges::find_if(entries_, is_its);
  if (entry == entries_.end()) return false;
  doubt(entry->blob->digest);
  return true;
}

void OpenBlobs::doubt(const Digest& digest) {
  const auto& impl = store_.impl_;
  if (!impl->doubted.begin(digest)) return;
  asio::co_spawn(worker_, Store::Impl::settle(impl, digest), asio::detached);
}

std::vector<BlobUse> OpenBlobs::take_uses() {
  auto uses = std::exchange(closed_, {});
  for (auto& entry : entries_) {
    if (!std::exchange(entry.noted, true)) {
      uses.push_back({.digest = entry.blob->digest, .at = entry.used});
    }
  }
  return uses;
}

void OpenBlobs::write_uses() {
  written_ = store_.clock().now();
  auto uses = take_uses();
  if (!uses.empty()) store_.impl_->write_uses(std::move(uses));
}

void OpenBlobs::close_idle(const std::vector<Digest>& digests) {
  for (const auto& digest : digests) {
    const auto found = by_digest_.find(digest);
    if (found == by_digest_.end()) continue;
    const auto& blob = found->second->blob;
    if (blob.use_count() == 1 && blob->file.use_count() == 1) close(found->second);
  }
}

}  // namespace hubcache::store
