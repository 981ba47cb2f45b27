#include "hubcache/hub/rate_limits.h"

#include <algorithm>
#include <utility>

#include "hubcache/base/http_status.h"
#include "hubcache/base/joined.h"

namespace hubcache::hub {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::size_t kMostRemotes = 1'000;

std::string key_of(const Endpoint& endpoint, const Credential& credential,
                   Outages::Subject subject) {
  const bool files = subject == Outages::Subject::kFiles;
  const bool of_remote = credential.kind == Credential::Kind::kRemote;
  return joined({of_remote ? endpoint.scope() : endpoint.origin_key(), "\n", credential.key, "\n",
                 files ? "files" : "api"});
}

}  // namespace

RateLimits::RateLimits(Options options, const Clock& clock)
    : options_(std::move(options)), clock_(clock), windows_(options_.remembered) {}

Error RateLimits::close(const Endpoint& endpoint, const Credential& credential,
                        Outages::Subject subject, const Quota& quota) {
  const auto until = clock_.steady() + quota.wait;
  const std::lock_guard lock(mutex_);
  windows_.put(key_of(endpoint, credential, subject), {.until = until, .quota = quota});
  return too_many("The Hub asks for fewer requests", quota);
}

milliseconds RateLimits::wait_open(const Endpoint& endpoint, const Credential& credential,
                                   Outages::Subject subject, milliseconds most) {
  const auto key = key_of(endpoint, credential, subject);
  const auto now = clock_.steady();
  const std::lock_guard lock(mutex_);
  const auto* window = windows_.find(key);
  if (window == nullptr || window->until <= now) return milliseconds::zero();
  const auto left = std::chrono::ceil<milliseconds>(window->until - now);
  if (left <= most) return left;
  auto quota = window->quota;
  quota.wait = std::chrono::ceil<seconds>(left);
  throw too_many("The Hub asks for fewer requests", quota);
}

// The generic cell rate algorithm without a burst: one turn each 1/rate s, so that in no second
// there are more than the rate.
milliseconds RateLimits::take_turn(const Endpoint& endpoint, milliseconds most) {
  const int rate = options_.rate_of ? options_.rate_of(endpoint.remote) : 0;
  if (rate <= 0) return milliseconds::zero();
  const auto interval = std::chrono::nanoseconds(std::chrono::seconds(1)) / rate;
  const auto now = clock_.steady();
  const std::lock_guard lock(mutex_);
  if (turns_.size() >= kMostRemotes && !turns_.contains(endpoint.remote)) {
    std::erase_if(turns_, [now](const auto& turn) { return turn.second <= now; });
  }
  auto& next = turns_[endpoint.remote];
  const auto turn = std::max(next, now);
  const auto left = std::chrono::ceil<milliseconds>(turn - now);
  if (left > most) {
    throw too_many("This remote has used up its rate_limit",
                   {.wait = std::chrono::ceil<seconds>(left), .name = "hubcache"});
  }
  next = turn + interval;
  return left;
}

void RateLimits::heard(const Credential& credential, std::optional<Budget> budget) {
  if (!budget || credential.kind == Credential::Kind::kCaller) return;
  if (credential.kind == Credential::Kind::kRemote) budget->whose = "remote";
  const auto until = clock_.steady() + budget->window;
  const std::lock_guard lock(mutex_);
  budgets_.insert_or_assign({budget->limit, budget->whose}, std::pair(*budget, until));
}

std::vector<Budget> RateLimits::budgets() {
  const auto now = clock_.steady();
  std::vector<Budget> current;
  const std::lock_guard lock(mutex_);
  for (const auto& [key, entry] : budgets_) {
    if (entry.second >= now) current.push_back(entry.first);
  }
  return current;
}

Error too_many(const std::string& message, const Quota& quota) {
  return {Error::Kind::kTooManyRequests, message,
          Error::HubDetail{.status = http_status::kTooManyRequests,
                           .retry_after = quota.wait,
                           .quota = quota.name,
                           .quota_policy = quota.policy}};
}

}  // namespace hubcache::hub
