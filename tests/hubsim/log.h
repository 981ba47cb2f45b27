#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <vector>

#include "hubsim/hub.h"
#include "hubsim/wire.h"

namespace hubsim {

/// What was asked, in order. Any thread.
class Log {
 public:
  struct Live {
    Exchange exchange;
    std::atomic<int> status{0};
    std::atomic<std::uint64_t> body_bytes{0};
  };
  std::shared_ptr<Live> begin(Host host, const Request& request);
  std::vector<Exchange> all() const;
  void clear();

 private:
  mutable std::mutex mutex_;  // connection threads append, tests read
  std::vector<std::shared_ptr<Live>> entries_;
};

}  // namespace hubsim
