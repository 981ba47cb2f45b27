#include "hubcache/fill/slots.h"

#include <algorithm>
#include <iterator>
#include <list>
#include <map>
#include <mutex>
#include <utility>

#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/this_coro.hpp>

#include "hubcache/base/error.h"

namespace hubcache::fill {
namespace {

constexpr std::size_t kTimesWhatIsFree = 3;

}  // namespace

struct Slots::Waiter {
  Waiter(const Executor& executor, SteadyTime deadline, std::shared_ptr<const Claim> by,
         RemoteLimit of)
      : wake(executor, deadline), claim(std::move(by)), remote(std::move(of)) {}

  Timer wake;  // touched on its worker only
  std::shared_ptr<const Claim> claim;
  RemoteLimit remote;
  bool granted = false;  // by the mutex: a slot, that was not taken yet
};

// A mutex, and no home worker: fills of every worker take slots, and most get one at once; next to
// a request upstream the lock costs nothing. It guards all that is here.
struct Slots::State {
  using Line = std::list<std::shared_ptr<Waiter>>;

  explicit State(std::size_t slots) : most(slots) {}

  std::size_t held_by(const std::string& remote) const {
    const auto found = held.find(remote);
    return found == held.end() ? 0 : found->second;
  }
  void count(const std::string& remote) {
    ++taken;
    ++held[remote];
  }
  void discount(const std::string& remote) {
    --taken;
    const auto found = held.find(remote);
    if (--found->second == 0) held.erase(found);
  }
  bool may_have(const Claim& claim, const RemoteLimit& remote) const;
  Line::iterator next();
  void serve();
  bool wants_one_of(const std::string& remote);

  std::mutex mutex;
  const std::size_t most;
  std::size_t taken = 0;
  std::map<std::string, std::size_t, std::less<>> held;  // by remote; none that has none
  Line line;                                             // the longest waiting first
};

bool Slots::State::may_have(const Claim& claim, const RemoteLimit& remote) const {
  const std::size_t free = most - taken;
  const std::size_t has = held_by(remote.id);
  if (free == 0 || has == 0) return free > 0;
  const bool background = claim.need_ == Need::kBackground;
  if (has >= (background ? free : kTimesWhatIsFree * free)) return false;
  return remote.most == 0 || has + (background ? 1 : 0) < remote.most;
}

Slots::State::Line::iterator Slots::State::next() {
  auto best = line.end();
  const auto rank = [this](const Waiter& waiter) {
    return std::pair(waiter.claim->need_, held_by(waiter.remote.id));
  };
  for (auto at = line.begin(); at != line.end(); ++at) {
    const bool may = may_have(*(*at)->claim, (*at)->remote);
    if (may && (best == line.end() || rank(**at) < rank(**best))) best = at;
  }
  return best;
}

void Slots::State::serve() {
  for (auto first = next(); first != line.end(); first = next()) {
    auto& waiter = **first;
    count(waiter.remote.id);
    waiter.granted = true;
    // On its own worker, where it lives; it may be gone by then.
    auto wake = [weak = std::weak_ptr(*first)] {
      if (const auto there = weak.lock()) there->wake.cancel();
    };
    asio::post(waiter.wake.get_executor(), std::move(wake));
    line.erase(first);
  }
}

/// Would one more go to a reader's, whose remote has no more than this one has without it?
bool Slots::State::wants_one_of(const std::string& remote) {
  if (line.empty()) return false;
  discount(remote);
  const auto first = next();
  const bool wanted = first != line.end() && (*first)->claim->need_ == Need::kAwaited &&
                      held_by((*first)->remote.id) <= held_by(remote);
  count(remote);
  return wanted;
}

/// A place in the line. What it was granted and did not take goes to the next.
class Slots::InLine {
 public:
  InLine(std::shared_ptr<State> state, std::shared_ptr<Waiter> waiter)
      : state_(std::move(state)), waiter_(std::move(waiter)) {
    const std::lock_guard lock(state_->mutex);
    state_->line.push_back(waiter_);
    state_->serve();
  }
  ~InLine() {
    const std::lock_guard lock(state_->mutex);
    if (std::exchange(waiter_->granted, false)) {
      state_->discount(waiter_->remote.id);
      state_->serve();
    } else {
      state_->line.remove(waiter_);
    }
  }
  InLine(const InLine&) = delete;
  InLine& operator=(const InLine&) = delete;

  /// None, when none was granted.
  Slot take() {
    const std::lock_guard lock(state_->mutex);
    if (!std::exchange(waiter_->granted, false)) return {};
    return {state_, waiter_->remote.id};
  }

 private:
  std::shared_ptr<State> state_;
  std::shared_ptr<Waiter> waiter_;
};

Slots::Slots(std::size_t most) : state_(std::make_shared<State>(std::max<std::size_t>(most, 1))) {}

// Those in line are there because they may have none.
Slot Slots::take_now(const Claim& claim, const RemoteLimit& remote) const {
  const std::lock_guard lock(state_->mutex);
  if (!state_->may_have(claim, remote)) return {};
  state_->count(remote.id);
  return {state_, remote.id};
}

Task<Slot> Slots::take(std::shared_ptr<const Claim> claim, RemoteLimit remote,
                       SteadyTime deadline) const {
  if (auto slot = take_now(*claim, remote)) co_return slot;
  const Executor executor = co_await asio::this_coro::executor;
  auto waiter = std::make_shared<Waiter>(executor, deadline, std::move(claim), std::move(remote));
  InLine place(state_, waiter);
  boost::system::error_code woken;
  co_await waiter->wake.async_wait(asio::redirect_error(use_task, woken));
  auto slot = place.take();
  if (slot) co_return slot;
  if (woken) throw Error(Error::Kind::kCancelled, "the request was cancelled");
  throw Error(Error::Kind::kUpstreamTimeout, "upstream is busy",
              std::string("all connections for files are in use"));
}

void Slots::change(Claim& claim, Need need) const {
  const std::lock_guard lock(state_->mutex);
  if (std::exchange(claim.need_, need) != need) state_->serve();
}

Slots::Use Slots::use() const {
  const std::lock_guard lock(state_->mutex);
  return {.held = state_->taken, .waiting = state_->line.size()};
}

Slot& Slot::operator=(Slot&& other) noexcept {
  if (this == &other) return *this;
  give_back();
  state_ = std::move(other.state_);
  remote_ = std::move(other.remote_);
  return *this;
}

void Slot::give_back() noexcept {
  const auto state = std::exchange(state_, nullptr);
  if (!state) return;
  const std::lock_guard lock(state->mutex);
  state->discount(remote_);
  state->serve();
}

bool Slot::is_wanted() const {
  const std::lock_guard lock(state_->mutex);
  return state_->wants_one_of(remote_);
}

}  // namespace hubcache::fill
