#pragma once

#include <chrono>
#include <string_view>

#include "hubcache/base/clock.h"
#include "hubcache/base/error.h"
#include "hubcache/base/task.h"
#include "hubcache/hub/call_counts.h"
#include "hubcache/hub/outages.h"
#include "hubcache/hub/rate_limits.h"
#include "hubcache/hub/types.h"

namespace hubcache::hub {

/// What requests upstream are made with. The caller keeps all of it alive.
struct Means {
  http::Client& client;
  Outages& outages;
  RateLimits& limits;
  CallCounts& calls;
  const Clock& clock;
  std::string_view instance_id;
};

/// A question may take that long, so that a client has its 502 or 504 within 8 s (DESIGN 1.6).
inline constexpr std::chrono::milliseconds kQuestionTime{7'500};

/// It was not reached, sent nonsense, or did not answer in time.
bool is_failure_of_hub(const Error& failure);

/// 0: not at all.
Task<void> sleep_for(std::chrono::milliseconds time);

/// Sends the request when it is the turn of the endpoint's remote (its rate_limit); that wait is
/// part of timeouts.total. Throws kTooManyRequests when it would be longer than that, or than
/// kQuestionTime.
Task<http::ClientResponse> send(const Means& means, CallKind kind, const Endpoint& endpoint,
                                http::Origin origin, http::ClientRequest request,
                                http::Timeouts timeouts);

}  // namespace hubcache::hub
