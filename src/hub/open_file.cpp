#include <optional>
#include <utility>

#include "hubcache/base/http_status.h"
#include "hubcache/hub/hub.h"
#include "hubcache/hub/urls.h"

#include "answers.h"
#include "delivery.h"
#include "requests.h"

namespace hubcache::hub {
namespace {

/// Where the Hub is asked for the file: it leads to the bytes, or says why it does not.
http::Url url_of(const Endpoint& endpoint, const FileRef& file) {
  auto url = endpoint.base;
  url.path = target_below(endpoint.base, resolve_path(file));
  url.query.clear();
  return url;
}

/// A signed URL that expired, or a stray 403 of the CDN (contract/hub.md 3.2): the Hub knows a
/// better one, or says why there is none.
bool is_refused(int status) {
  return status >= http_status::kBadRequest && status < http_status::kInternalServerError &&
         status != http_status::kRangeNotSatisfiable;
}

Error error_of(const Delivery& delivery) {
  const int status = delivery.response.status;
  const auto& headers = delivery.response.headers;
  if (is_refused(status) && delivery.by_hub) {
    return refusal_of(status, error_code_of(status, headers), error_message_of(headers),
                      value_of(headers, "X-Repo-Commit"));
  }
  return trouble_of(status, loggable(delivery.url));
}

Error refusal_in(const FileAnswer& answer) {
  return refusal_of(answer.status, answer.error_code, answer.error_message, {});
}

}  // namespace

Task<FileStream> Hub::open_file(EndpointPtr endpoint, Credential credential, FileRef file,
                                std::string location, std::optional<Digest> expected,
                                std::uint64_t offset, std::uint64_t length) {
  require_online(*endpoint);
  const Courier courier{.means = means(),
                        .endpoint = *endpoint,
                        .credential = credential,
                        .timeouts = endpoint->timeouts};
  auto known = http::Url::parse(location);
  bool just_asked = !known;
  while (true) {
    if (!known && file.door == Door::kLfs) {
      const auto answer = co_await head_lfs(endpoint, credential, file);
      known = http::Url::parse(answer.location);
      if (!known) throw refusal_in(answer);
    }
    auto delivery = co_await deliver(courier, known.value_or(url_of(*endpoint, file)),
                                     range_of(offset, length), expected);
    const int status = delivery.response.status;
    if (status == http_status::kOk || status == http_status::kPartialContent) {
      co_return stream_of(std::move(delivery), offset, length);
    }
    if (just_asked || !is_refused(status)) {
      if (delivery.by_hub) {
        co_await heed(endpoint, credential, file.repo, file.repo, status,
                      delivery.response.headers);
      }
      throw error_of(delivery);
    }
    known.reset();
    just_asked = true;
  }
}

}  // namespace hubcache::hub
