#include "sending.h"

#include <algorithm>
#include <utility>

namespace hubcache::hub {

using std::chrono::milliseconds;

constexpr int kNoAnswer = 0;

bool is_failure_of_hub(const Error& failure) {
  return failure.kind() == Error::Kind::kUpstream ||
         failure.kind() == Error::Kind::kUpstreamTimeout;
}

Task<void> sleep_for(milliseconds time) {
  if (time <= milliseconds::zero()) co_return;
  Timer timer(co_await asio::this_coro::executor, time);
  co_await timer.async_wait(use_task);
}

Task<http::ClientResponse> send(const Means& means, CallKind kind, const Endpoint& endpoint,
                                http::Origin origin, http::ClientRequest request,
                                http::Timeouts timeouts) {
  const bool unlimited = timeouts.total == milliseconds::zero();
  const auto most = unlimited ? kQuestionTime : std::min(timeouts.total, kQuestionTime);
  const auto wait = means.limits.take_turn(endpoint, most);
  co_await sleep_for(wait);
  if (!unlimited) timeouts.total = std::max(timeouts.total - wait, milliseconds(1));
  auto& calls = means.calls.of[static_cast<std::size_t>(kind)];
  const auto started = means.clock.steady();
  try {
    auto response = co_await means.client.send(origin, std::move(request), timeouts);
    calls.answers.add(response.status);
    calls.times.add(means.clock.steady() - started);
    co_return response;
  } catch (const Error& failure) {
    // Whose client left was not failed by the Hub.
    if (is_failure_of_hub(failure)) calls.answers.add(kNoAnswer);
    throw;
  }
}

}  // namespace hubcache::hub
