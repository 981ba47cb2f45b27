#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "hubsim/fault.h"
#include "hubsim/wire.h"

namespace hubsim {

/// The faults that are set, and what waits for their end. Any thread.
class Faults {
 public:
  struct Live {
    explicit Live(Fault what) : fault(std::move(what)) {}
    const Fault fault;
    std::uint64_t seen = 0;  // guarded by Faults, as is the next
    std::optional<std::chrono::steady_clock::time_point> until = {};  // of a kLimit that began
    mutable std::chrono::steady_clock::time_point busy_until = {};    // a link that is shared
    std::atomic<bool> lifted{false};
  };
  using Active = std::vector<std::shared_ptr<const Live>>;

  void add(Fault fault);
  void clear();
  void release();
  /// The faults that act on this request, which counts as one of theirs.
  Active matching(Host host, const Request& request);

  /// What is left of a kLimit's window.
  std::chrono::milliseconds left(const Live& live) const;

  /// How long from now until a link that is shared has sent this too, after what others put on it.
  std::chrono::nanoseconds send_by_link(const Live& link, std::chrono::nanoseconds time);

  /// Waits until `live` is lifted; false when `given_up` says so before. Polls it every 10 ms.
  bool wait_lifted(const Live& live, const std::function<bool()>& given_up);
  /// Sleeps; false when `given_up` ends it.
  bool sleep(std::chrono::nanoseconds time, const std::function<bool()>& given_up,
             const Live* fault = nullptr);

 private:
  mutable std::mutex mutex_;  // any number of connection threads ask, each once a request
  std::condition_variable lifted_;
  std::vector<std::shared_ptr<Live>> faults_;
};

/// The first of the active faults that is of this kind and not lifted, or null.
const Faults::Live* find_fault(const Faults::Active& active, Fault::Kind kind);

}  // namespace hubsim
