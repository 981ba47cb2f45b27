#pragma once

#include <cstddef>
#include <functional>
#include <list>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

namespace hubcache {

/// A map from text keys that forgets what was not used longest. Belongs to one thread.
template <typename V>
class Lru {
 public:
  explicit Lru(std::size_t capacity) : capacity_(capacity) {}

  /// The value, which counts as used now; null when there is none. Good until the next put().
  V* find(std::string_view key) {
    const auto found = by_key_.find(key);
    if (found == by_key_.end()) return nullptr;
    items_.splice(items_.begin(), items_, found->second);
    return &found->second->second;
  }

  V& put(std::string key, V value) {
    if (V* known = find(key)) {
      *known = std::move(value);
      return *known;
    }
    items_.emplace_front(std::move(key), std::move(value));
    by_key_.emplace(items_.front().first, items_.begin());
    if (items_.size() > capacity_) {
      by_key_.erase(items_.back().first);
      items_.pop_back();
    }
    return items_.front().second;
  }

  void erase(std::string_view key) {
    const auto found = by_key_.find(key);
    if (found == by_key_.end()) return;
    const auto item = found->second;
    by_key_.erase(found);
    items_.erase(item);
  }

  std::size_t size() const noexcept { return items_.size(); }

 private:
  using Items = std::list<std::pair<std::string, V>>;
  std::size_t capacity_;
  Items items_;  // most recently used first
  std::unordered_map<std::string_view, typename Items::iterator> by_key_;  // views into items_
};

}  // namespace hubcache
