#pragma once

#include <chrono>
#include <list>

#include "hubcache/base/task.h"

namespace hubcache {

/// Lets coroutines of one worker wait for a change of state: wait() returns at the next notify(),
/// or for no reason, so callers look again. The timers live in the frames of those who wait: a
/// signal may go on any thread once nobody does.
class Signal {
 public:
  void notify() {
    for (Timer* timer : waiting_) timer->cancel();
  }
  Task<void> wait() { return wait_until(std::chrono::steady_clock::time_point::max()); }
  Task<void> wait_for(std::chrono::milliseconds time) {
    return wait_until(std::chrono::steady_clock::now() + time);
  }
  Task<void> wait_until(std::chrono::steady_clock::time_point time);

 private:
  std::list<Timer*> waiting_;
};

}  // namespace hubcache
