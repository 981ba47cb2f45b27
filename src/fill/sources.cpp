#include "sources.h"

#include <algorithm>
#include <utility>

namespace hubcache::fill {

void Sources::add(const Wish& wish, std::shared_ptr<Seat> seat) {
  std::erase_if(others_, [](const auto& entry) { return entry->seat->left.load(); });
  auto entry = std::make_shared<Entry>();
  entry->via = wish.via;
  entry->remote = wish.remote;
  entry->seat = std::move(seat);
  entry->make = wish.source;
  entry->max_retries = wish.max_retries;
  others_.push_back(std::move(entry));
}

std::shared_ptr<Sources::Entry> Sources::current(const std::string& via) {
  if (!current_) {
    // The very first is used even if its reader has left already: a fill is detached.
    if (std::exchange(begun_, true)) {
      std::erase_if(others_, [](const auto& entry) { return entry->seat->left.load(); });
    }
    auto chosen = std::ranges::find(others_, via, [](const auto& entry) { return entry->via; });
    if (chosen == others_.end()) chosen = others_.begin();
    if (chosen == others_.end()) return nullptr;
    current_ = *chosen;
    others_.erase(chosen);
  }
  if (!current_->source) current_->source = current_->make(worker_);
  return current_;
}

void Sources::refuse(const std::shared_ptr<Entry>& entry, const Error& why) {
  entry->seat->refused = why;
  if (current_ == entry) current_.reset();
}

}  // namespace hubcache::fill
