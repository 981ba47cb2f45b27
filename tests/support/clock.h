#pragma once

#include <atomic>
#include <chrono>

#include "hubcache/base/clock.h"

namespace hubcache::test {

/// A clock that stands still until the test moves it. Callable from any thread.
class FakeClock final : public Clock {
 public:
  WallTime now() const override {
    return WallTime(std::chrono::milliseconds(1'800'000'000'000 + moved_.load() + jumped_.load()));
  }
  SteadyTime steady() const override {
    return SteadyTime(std::chrono::milliseconds(1'000'000 + moved_.load()));
  }
  void advance(std::chrono::milliseconds by) { moved_ += by.count(); }
  /// Somebody sets the machine's clock: intervals do not notice.
  void jump(std::chrono::milliseconds by) { jumped_ += by.count(); }

 private:
  std::atomic<std::chrono::milliseconds::rep> moved_{0};
  std::atomic<std::chrono::milliseconds::rep> jumped_{0};
};

}  // namespace hubcache::test
