#include "hubcache/store/open_blobs.h"

#include <chrono>

#include "hubcache/store/store.h"

namespace hubcache::store {
namespace {

/// A blob in use is noted this often: eviction thinks in days.
constexpr std::chrono::minutes kTouchInterval{30};

}  // namespace

OpenBlobs::OpenBlobs(Store& store, std::size_t capacity) : store_(store), capacity_(capacity) {}

std::shared_ptr<const Blob> OpenBlobs::find(const Digest& digest) {
  const auto found = by_digest_.find(digest);
  if (found == by_digest_.end()) return nullptr;
  entries_.splice(entries_.begin(), entries_, found->second);
  touch(*found->second);
  return found->second->blob;
}

Task<std::shared_ptr<const Blob>> OpenBlobs::open(Digest digest) {
  if (auto blob = find(digest)) co_return blob;
  auto blob = co_await store_.open(digest);
  if (!blob) co_return nullptr;
  // Somebody else on this worker may have opened it meanwhile.
  if (auto other = find(digest)) co_return other;
  co_return keep(std::move(*blob));
}

std::shared_ptr<const Blob> OpenBlobs::keep(Blob blob) {
  auto shared = std::make_shared<const Blob>(std::move(blob));
  entries_.push_front({.blob = shared, .touched = {}});
  by_digest_.emplace(shared->digest, entries_.begin());
  store_.touch(shared->digest);
  entries_.front().touched = store_.clock().steady();
  if (entries_.size() > capacity_) {
    by_digest_.erase(entries_.back().blob->digest);
    entries_.pop_back();
  }
  return shared;
}

void OpenBlobs::touch(Entry& entry) {
  const auto now = store_.clock().steady();
  if (now - entry.touched < kTouchInterval) return;
  entry.touched = now;
  store_.touch(entry.blob->digest);
}

void OpenBlobs::forget(const Digest& digest) {
  const auto found = by_digest_.find(digest);
  if (found == by_digest_.end()) return;
  entries_.erase(found->second);
  by_digest_.erase(found);
}

}  // namespace hubcache::store
