#include "sending.h"

#include <algorithm>
#include <utility>

namespace hubcache::hub {

using std::chrono::milliseconds;

Task<void> sleep_for(milliseconds time) {
  if (time <= milliseconds::zero()) co_return;
  Timer timer(co_await asio::this_coro::executor, time);
  co_await timer.async_wait(use_task);
}

Task<http::ClientResponse> send(const Means& means, const Endpoint& endpoint, http::Origin origin,
                                http::ClientRequest request, http::Timeouts timeouts) {
  const bool unlimited = timeouts.total == milliseconds::zero();
  const auto most = unlimited ? kQuestionTime : std::min(timeouts.total, kQuestionTime);
  const auto wait = means.limits.take_turn(endpoint, most);
  co_await sleep_for(wait);
  if (!unlimited) timeouts.total = std::max(timeouts.total - wait, milliseconds(1));
  co_return co_await means.client.send(origin, std::move(request), timeouts);
}

}  // namespace hubcache::hub
