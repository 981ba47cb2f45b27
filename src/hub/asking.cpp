#include "asking.h"

#include <algorithm>
#include <utility>

#include "hubcache/base/backoff.h"
#include "hubcache/base/error.h"
#include "hubcache/base/http_status.h"
#include "hubcache/base/task.h"
#include "hubcache/hub/urls.h"

#include "answers.h"
#include "requests.h"

namespace hubcache::hub {
namespace {

using std::chrono::milliseconds;

constexpr Backoff kBackoff{.first = milliseconds(100), .most = milliseconds(2'000)};

bool is_trouble(int status) {
  return status == http_status::kTooManyRequests ||
         (status >= http_status::kInternalServerError && status != http_status::kNotImplemented);
}

/// What stands before the hub says that it is down. A 500 is about the one question.
bool is_outage(int status) {
  return status > http_status::kNotImplemented && status != http_status::kLoopDetected;
}

CallKind kind_of(Outages::Subject subject) {
  switch (subject) {
    case Outages::Subject::kRights:
      return CallKind::kRight;
    case Outages::Subject::kFiles:
      return CallKind::kFile;
    case Outages::Subject::kDocuments:
      return CallKind::kDocument;
    case Outages::Subject::kGit:
      return CallKind::kGit;
  }
  return CallKind::kDocument;
}

}  // namespace

std::string Reply::first_of(std::string_view name) const {
  for (const auto& hop : hops) {
    if (const auto value = hop.get(name)) return std::string(*value);
  }
  return value_of(headers, name);
}

Asker::Asker(const Means& means, const Endpoint& endpoint, const Credential& credential)
    : means_(means),
      endpoint_(endpoint),
      credential_(credential),
      deadline_(means.clock.steady() + kQuestionTime) {}

http::Timeouts Asker::timeouts() const {
  const auto left = std::chrono::duration_cast<milliseconds>(deadline_ - means_.clock.steady());
  if (left <= milliseconds::zero()) {
    throw Error(Error::Kind::kUpstreamTimeout, "The Hub did not answer in time");
  }
  auto timeouts = endpoint_.timeouts;
  timeouts.connect = std::min(timeouts.connect, left);
  timeouts.first_byte = std::min(timeouts.first_byte, left);
  timeouts.between_bytes = std::min(timeouts.between_bytes, left);
  const bool unlimited = timeouts.total == milliseconds::zero();
  timeouts.total = unlimited ? left : std::min(timeouts.total, left);
  return timeouts;
}

Task<Reply> Asker::ask(Question question) {
  auto call = means_.outages.call(endpoint_, question.subject);
  const auto patience =
      question.patience == Patience::kWait ? RateLimits::kShortWait : milliseconds::zero();
  const auto closed = means_.limits.wait_open(endpoint_, credential_, question.subject, patience);
  co_await sleep_for(closed);
  for (int attempt = 0;; ++attempt) {
    std::optional<Reply> reply;
    std::optional<Error> failure;
    heard_ = false;
    try {
      reply = co_await ask_once(question);
    } catch (const Error& thrown) {
      failure = thrown;
    }
    bool down = failure && is_failure_of_hub(*failure) &&
                (!heard_ || failure->kind() == Error::Kind::kUpstreamTimeout);
    if (reply) {
      down = is_outage(reply->status);
      if (!down) call.answered();
      const auto url = loggable(reply->url);
      if (!reply->refused.empty()) throw Error(Error::Kind::kUpstream, reply->refused, url);
      if (!is_trouble(reply->status)) co_return std::move(*reply);
      failure = reply->status == http_status::kTooManyRequests
                    ? means_.limits.close(endpoint_, credential_, question.subject,
                                          quota_of(reply->headers))
                    : trouble_of(reply->status, url);
    }
    const bool limited = failure->kind() == Error::Kind::kTooManyRequests;
    const auto wait =
        limited ? milliseconds(failure->hub().retry_after) : kBackoff.wait(attempt + 1);
    const bool give_up = attempt >= endpoint_.max_retries || (limited && wait > patience) ||
                         !(limited || is_failure_of_hub(*failure)) ||
                         means_.clock.steady() + wait >= deadline_ || call.is_trial() ||
                         call.is_lost();
    if (give_up) {
      if (down) call.failed();
      throw *std::move(failure);
    }
    co_await sleep_for(wait);
  }
}

Task<Reply> Asker::ask_once(const Question& question) {
  Reply reply;
  reply.url = endpoint_.base;
  const auto target = target_below(endpoint_.base, question.target);
  const auto mark = std::min(target.find('?'), target.size());
  reply.url.path = target.substr(0, mark);
  reply.url.query = target.substr(std::min(mark + 1, target.size()));
  reply.canonical = question.repo;
  while (co_await follow(question, reply)) {
    if (reply.hops.size() > kMaxHops) {
      reply.refused = "The Hub redirects without end";
      break;
    }
  }
  co_return reply;
}

/// Asks at reply.url. True when the answer was a redirect to go on with; then reply.url is there.
Task<bool> Asker::follow(const Question& question, Reply& reply) {
  http::ClientRequest request{
      .method = question.method,
      .target = reply.url.target(),
      .headers = hub_headers(endpoint_, credential_, means_.instance_id, question.accept_encoding),
      .body = question.form};
  if (!question.form.empty()) {
    request.headers.set("Content-Type", "application/x-www-form-urlencoded");
  }
  for (std::size_t i = 0; i < question.headers.size(); ++i) {
    request.headers.set(question.headers[i].first, question.headers[i].second);
  }
  if (!question.range.empty()) request.headers.set("Range", question.range);
  auto origin = origin_of(endpoint_, credential_, reply.url);
  auto times = timeouts();
  // Whoever asked goes on reading after the question's time.
  if (!question.body_limit) times.between_bytes = endpoint_.timeouts.between_bytes;
  if (question.silence) {
    times.first_byte = times.between_bytes = *question.silence;
    times.total = endpoint_.timeouts.total;
  }
  auto response = co_await send(means_, kind_of(question.subject), endpoint_, std::move(origin),
                                std::move(request), times);
  means_.limits.heard(credential_, budget_of(response.headers));
  heard_ = true;
  const bool redirect = is_redirect(response.status, response.headers);
  if (redirect || question.body_limit) {
    const auto limit = redirect ? kMaxRedirectBody : *question.body_limit;
    reply.share = MemoryRoom::Share(question.room);
    reply.body = co_await response.read_all(limit, &reply.share);
  }
  reply.status = response.status;
  reply.content_length = response.content_length;
  if (!redirect) {
    reply.headers = std::move(response.headers);
    if (!question.body_limit) reply.wire = std::move(response);
    co_return false;
  }

  const auto next = reply.url.resolve(value_of(response.headers, "Location"));
  if (!next || !may_follow(reply.url, *next)) {
    reply.refused = "The Hub redirects to where hubcache does not go";
    co_return false;
  }
  const auto place = place_of(*next, endpoint_.base);
  if (!place) {
    reply.elsewhere = next;
    reply.headers = std::move(response.headers);
    co_return false;
  }
  reply.hops.push_back(std::move(response.headers));
  reply.url = *next;
  reply.canonical = place->repo;
  co_return true;
}

}  // namespace hubcache::hub
