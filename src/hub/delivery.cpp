#include "delivery.h"

#include <limits>
#include <utility>

#include "hubcache/base/http_status.h"

#include "answers.h"
#include "asking.h"
#include "requests.h"

namespace hubcache::hub {
namespace {

constexpr auto kSubject = Outages::Subject::kFiles;

/// The digest the hub itself gives the file in this answer; the ETag of what it stores may be one
/// of another kind, which says nothing.
std::optional<Digest> named_digest(const http::ClientResponse& response, Digest::Algorithm kind) {
  if (const auto linked = response.headers.get("X-Linked-ETag")) return digest_of(*linked);
  if (response.status != http_status::kOk && response.status != http_status::kPartialContent)
    return std::nullopt;
  auto own = digest_of(response.headers.get("ETag").value_or(""));
  if (own && own->algorithm() != kind) own.reset();
  return own;
}

Error bad_answer(const std::string& what, const http::Url& url) {
  return {Error::Kind::kUpstream, what, loggable(url)};
}

/// A CDN counts for itself: its limits keep nobody from the hub.
Error limit_of(const Courier& courier, bool by_hub, const http::Headers& headers) {
  const auto quota = quota_of(headers);
  if (!by_hub) return too_many("The Hub's CDN asks for fewer requests", quota);
  return courier.means.limits.close(courier.endpoint, courier.credential, kSubject, quota);
}

}  // namespace

Task<Delivery> deliver(Courier courier, http::Url url, std::string range,
                       std::optional<Digest> expected) {
  const auto& means = courier.means;
  bool left_hub = false;
  for (std::size_t hops = 0; hops <= kMaxHops; ++hops) {
    const bool by_hub = !left_hub && url.same_origin(courier.endpoint.base);
    left_hub = !by_hub;
    http::ClientRequest request{.method = "GET", .target = url.target(), .headers = {}, .body = {}};
    request.headers =
        by_hub ? hub_headers(courier.endpoint, courier.credential, means.instance_id, "identity")
               : cdn_headers();
    if (!range.empty()) request.headers.set("Range", range);
    // There is one try only, so no outage begins with it, unless it took its time.
    std::optional<Outages::Call> call;
    if (by_hub) {
      call = means.outages.call(courier.endpoint, kSubject);
      const auto closed = means.limits.wait_open(courier.endpoint, courier.credential, kSubject,
                                                 RateLimits::kShortWait);
      co_await sleep_for(closed);
    }
    http::ClientResponse response;
    try {
      auto origin = origin_of(courier.endpoint, courier.credential, url);
      response = co_await send(means, by_hub ? CallKind::kBytes : CallKind::kCdn, courier.endpoint,
                               std::move(origin), std::move(request), courier.timeouts);
    } catch (const Error& failure) {
      if (call && failure.kind() == Error::Kind::kUpstreamTimeout) call->failed();
      throw;
    }
    if (by_hub) means.limits.heard(courier.credential, budget_of(response.headers));
    if (call && response.status < http_status::kInternalServerError) call->answered();
    if (response.status == http_status::kTooManyRequests)
      throw limit_of(courier, by_hub, response.headers);
    if (by_hub && expected) {
      const auto named = named_digest(response, expected->algorithm());
      if (named && *named != *expected) {
        throw Error(Error::Kind::kCorrupt, "The Hub has another file there now", loggable(url));
      }
    }
    if (!is_redirect(response.status, response.headers)) {
      co_return Delivery{.response = std::move(response), .url = std::move(url), .by_hub = by_hub};
    }
    const auto next = url.resolve(value_of(response.headers, "Location"));
    if (!next || !may_follow(url, *next)) {
      throw bad_answer("The Hub redirects to where hubcache does not go", url);
    }
    co_await response.read_all(kMaxRedirectBody);
    url = *next;
  }
  throw bad_answer("The Hub redirects without end", url);
}

std::string range_of(std::uint64_t offset, std::uint64_t length) {
  const bool to_end = length > std::numeric_limits<std::uint64_t>::max() - offset ||
                      length == std::numeric_limits<std::uint64_t>::max();
  if (offset == 0 && (to_end || length == 0)) return {};
  std::string range = "bytes=" + std::to_string(offset) + "-";
  if (!to_end) range += std::to_string(offset + length - 1);
  return range;
}

FileStream stream_of(Delivery delivery, std::uint64_t offset, std::uint64_t length) {
  const auto& response = delivery.response;
  if (!is_identity(response.headers)) {
    throw bad_answer("The Hub sends the file in an encoding that was not asked for", delivery.url);
  }
  FileStream stream;
  if (response.status == http_status::kPartialContent) {
    const auto range = content_range_of(response.headers.get("Content-Range").value_or(""));
    const bool fits = range && range->first == offset && range->last - offset < length;
    if (!fits ||
        (response.content_length && *response.content_length != range->last - offset + 1)) {
      throw bad_answer("The Hub sends another range than was asked for", delivery.url);
    }
    stream.offset = offset;
    stream.size = range->size.value_or(0);
  } else {
    stream.size = response.content_length.value_or(0);
  }
  stream.location = delivery.url.text();
  stream.response = std::move(delivery.response);
  return stream;
}

Task<std::uint64_t> size_by_range(Courier courier, http::Url url) {
  const auto delivery = co_await deliver(courier, std::move(url), "bytes=0-0", std::nullopt);
  const auto& response = delivery.response;
  std::optional<std::uint64_t> size;
  if (response.status == http_status::kPartialContent ||
      response.status == http_status::kRangeNotSatisfiable) {
    const auto range = content_range_of(response.headers.get("Content-Range").value_or(""));
    if (range) size = range->size;
  } else if (response.status == http_status::kOk && is_identity(response.headers)) {
    size = response.content_length;
  }
  if (!size) throw bad_answer("The Hub does not say how large the file is", delivery.url);
  co_return *size;
}

}  // namespace hubcache::hub
