#pragma once

#include <chrono>

#include "hubcache/hub/probe.h"

namespace hubcache::content {

/// How long something took, for the access log.
class Stopwatch {
 public:
  std::chrono::microseconds elapsed() const {
    return std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() -
                                                                 began_);
  }

 private:
  std::chrono::steady_clock::time_point began_ = std::chrono::steady_clock::now();
};

/// What of it was spent on the Hub, which all of it was if the Hub was asked for the file.
inline std::chrono::microseconds waited_for_hub(const hub::Probe& probe,
                                                const Stopwatch& stopwatch) {
  return probe.head_if_known() ? stopwatch.elapsed() : std::chrono::microseconds(0);
}

}  // namespace hubcache::content
