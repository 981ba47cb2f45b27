#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "hubcache/base/memory_room.h"

namespace hubcache {

/// A text that changes no more: copies of this are cheap, and it is in memory once. Each copy is
/// one thread's, as with std::shared_ptr.
class SharedText {
 public:
  SharedText() = default;
  /// `share`: is held as long as the text is.
  SharedText(std::string text, MemoryRoom::Share share = {})  // NOLINT(google-explicit-constructor)
      : held_(std::make_shared<const Held>(std::move(text), std::move(share))) {}

  std::string_view view() const noexcept {
    return held_ ? std::string_view(held_->text) : std::string_view();
  }
  operator std::string_view() const noexcept {
    return view();
  }  // NOLINT(google-explicit-constructor)
  std::size_t size() const noexcept { return view().size(); }
  bool empty() const noexcept { return view().empty(); }
  friend bool operator==(const SharedText& a, const SharedText& b) { return a.view() == b.view(); }

  class Weak;

 private:
  struct Held {
    Held(std::string from, MemoryRoom::Share part)
        : text(std::move(from)), share(std::move(part)) {}
    std::string text;
    MemoryRoom::Share share;
  };
  std::shared_ptr<const Held> held_;
};

/// Finds a text again as long as somebody holds it.
class SharedText::Weak {
 public:
  Weak() = default;
  explicit Weak(const SharedText& text) : held_(text.held_) {}

  /// False: nobody holds it any more.
  bool lock(SharedText& text) const noexcept {
    text.held_ = held_.lock();
    return text.held_ != nullptr;
  }

 private:
  std::weak_ptr<const Held> held_;
};

}  // namespace hubcache
