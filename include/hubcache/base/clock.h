#pragma once

#include <chrono>

namespace hubcache {

using WallTime = std::chrono::sys_time<std::chrono::milliseconds>;
using SteadyTime = std::chrono::steady_clock::time_point;

/// Where time comes from, so that tests can move it. Callable from any thread.
class Clock {
 public:
  virtual ~Clock() = default;
  /// For what outlives the process (rows, grants, expiry). A time in the future counts as stale.
  virtual WallTime now() const = 0;
  /// For intervals.
  virtual SteadyTime steady() const = 0;
};

class SystemClock final : public Clock {
 public:
  WallTime now() const override;
  SteadyTime steady() const override;
};

}  // namespace hubcache
