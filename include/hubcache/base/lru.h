#pragma once

#include <cstddef>
#include <functional>
#include <iterator>
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
  /// A key of more than kUsualKey bytes counts as several: clients choose how long many are.
  explicit Lru(std::size_t capacity) : capacity_(capacity) {}
  static constexpr std::size_t kUsualKey = 256;

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
    taken_ += room_of(key);
    items_.emplace_front(std::move(key), std::move(value));
    by_key_.emplace(items_.front().first, items_.begin());
    while (taken_ > capacity_ && items_.size() > 1) drop(std::prev(items_.end()));
    return items_.front().second;
  }

  void erase(std::string_view key) {
    const auto found = by_key_.find(key);
    if (found != by_key_.end()) drop(found->second);
  }

  std::size_t size() const noexcept { return items_.size(); }

 private:
  using Items = std::list<std::pair<std::string, V>>;

  static std::size_t room_of(std::string_view key) { return 1 + key.size() / (kUsualKey + 1); }
  void drop(typename Items::iterator item) {
    taken_ -= room_of(item->first);
    by_key_.erase(item->first);
    items_.erase(item);
  }

  std::size_t capacity_;
  std::size_t taken_ = 0;
  Items items_;  // most recently used first
  std::unordered_map<std::string_view, typename Items::iterator> by_key_;  // views into items_
};

}  // namespace hubcache
