#include "hubcache/base/signal.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/this_coro.hpp>

namespace hubcache {
namespace {

/// In the list for as long as it lives.
class Listed {
 public:
  Listed(std::list<Timer*>& list, Timer& timer)
      : list_(list), place_(list.insert(list.end(), &timer)) {}
  ~Listed() { list_.erase(place_); }
  Listed(const Listed&) = delete;
  Listed& operator=(const Listed&) = delete;

 private:
  std::list<Timer*>& list_;
  std::list<Timer*>::iterator place_;
};

}  // namespace

Task<void> Signal::wait_until(std::chrono::steady_clock::time_point time) {
  Timer timer(co_await asio::this_coro::executor, time);
  const Listed listed(waiting_, timer);
  co_await timer.async_wait(asio::as_tuple(use_task));
}

}  // namespace hubcache
