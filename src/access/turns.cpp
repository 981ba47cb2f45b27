#include "turns.h"

#include <chrono>
#include <utility>

#include <boost/asio/as_tuple.hpp>

namespace hubcache::access {
namespace {

constexpr std::size_t kSwept = 64;  // keys above which those that ended are looked for

/// Never expires; goes with the turn, which wakes those who wait at it.
using Gong = std::shared_ptr<Timer>;

}  // namespace

class Turns::Turn {
 public:
  explicit Turn(Executor executor)
      : gong_(std::make_shared<Timer>(executor, Timer::time_point::max())) {}
  ~Turn() { gong_->cancel(); }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;
  const Gong& gong() const noexcept { return gong_; }

 private:
  Gong gong_;
};

Task<std::shared_ptr<Turns::Turn>> Turns::take_or_wait(std::string key) {
  const Executor executor = co_await asio::this_coro::executor;
  if (taken_.size() > kSwept) forget_ended();
  auto& slot = taken_[std::move(key)];
  // Only the gong is kept: who waits must not hold the turn.
  Gong gong;
  if (const auto taken = slot.lock()) gong = taken->gong();
  if (gong) {
    co_await gong->async_wait(asio::as_tuple(use_task));
    co_return nullptr;
  }
  auto turn = std::make_shared<Turn>(executor);
  slot = turn;
  co_return turn;
}

void Turns::forget_ended() {
  std::erase_if(taken_, [](const auto& item) { return item.second.expired(); });
}

}  // namespace hubcache::access
