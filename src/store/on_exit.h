#pragma once

#include <utility>

namespace hubcache::store {

/// Runs `act` at the end of its scope.
template <typename F>
class OnExit {
 public:
  explicit OnExit(F act) : act_(std::move(act)) {}
  ~OnExit() { act_(); }
  OnExit(const OnExit&) = delete;
  OnExit& operator=(const OnExit&) = delete;

 private:
  F act_;
};

}  // namespace hubcache::store
