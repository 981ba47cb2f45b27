#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "hubcache/base/clock.h"
#include "hubcache/base/task.h"

namespace hubcache::fill {

/// Why a slot is needed, the most urgent first.
enum class Need : std::uint8_t {
  kAwaited,     // a reader waits for bytes that nobody is fetching
  kAhead,       // of a blob that is being read
  kBackground,  // nobody is there who waits for it
};

/// Which remote a slot counts for, and how many it may have at a time.
struct RemoteLimit {
  std::string id{};
  std::size_t most = 0;  // slots at a time; 0: no limit of its own
};

/// One who asks for slots, as a fill does. Any thread.
class Claim {
 public:
  explicit Claim(Need need) : need_(need) {}

 private:
  friend class Slots;
  Need need_;  // by the mutex of Slots
};

/// The right to one upstream connection for bytes of a file, until it goes. Any thread.
class Slot;

/// How many connections bring bytes of files from upstream at a time, in the whole process and for
/// each remote, and whose turn it is. Who holds a slot never waits for another, so there is always
/// one that ends; questions to a hub and samples for proofs need none.
///
/// Need comes first, then the remote with the fewest slots, then who has waited longest. Some stay
/// free for who comes next: a remote that has slots gets another while it holds less than three
/// times what is free; for kBackground less than what is free, and never the last of its limit.
/// Of 128, one remote alone gets 96, and 64 for kBackground; who has none gets one, whatever the
/// need.
///
/// Copies are the same slots. Callable from any worker; they may go while slots are held.
class Slots {
 public:
  struct Use {
    std::size_t held = 0;
    std::size_t waiting = 0;  // who stands in line
  };
  explicit Slots(std::size_t most);  // 0 counts as 1

  /// None, when that takes a wait.
  Slot take_now(const Claim& claim, const RemoteLimit& remote) const;
  /// Waits in line. Throws kUpstreamTimeout at the deadline, kCancelled when it is cancelled.
  Task<Slot> take(std::shared_ptr<const Claim> claim, RemoteLimit remote,
                  SteadyTime deadline = SteadyTime::max()) const;
  /// Also for what waits already. A claim is used with these slots only.
  void change(Claim& claim, Need need) const;
  Use use() const;

 private:
  friend class Slot;
  struct Waiter;
  struct State;
  class InLine;
  std::shared_ptr<State> state_;
};

class Slot {
 public:
  Slot() = default;  // none
  Slot(Slot&&) noexcept = default;
  Slot& operator=(Slot&& other) noexcept;
  Slot(const Slot&) = delete;
  Slot& operator=(const Slot&) = delete;
  ~Slot() { give_back(); }

  explicit operator bool() const noexcept { return state_ != nullptr; }
  void give_back() noexcept;
  /// Would it, given back now, go to a reader who waits, of a remote that has no more than this
  /// slot's will have without it? Not for a Slot that is none.
  bool is_wanted() const;

 private:
  friend class Slots;
  Slot(std::shared_ptr<Slots::State> state, std::string remote)
      : state_(std::move(state)), remote_(std::move(remote)) {}
  std::shared_ptr<Slots::State> state_;
  std::string remote_;
};

}  // namespace hubcache::fill
