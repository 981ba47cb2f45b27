#include <optional>
#include <utility>

#include "hubcache/hub/hub.h"

#include "answers.h"
#include "delivery.h"
#include "requests.h"

namespace hubcache::hub {
namespace {

constexpr int kOk = 200;
constexpr int kPartial = 206;
constexpr int kBadRequest = 400;
constexpr int kRangeNotSatisfiable = 416;
constexpr int kTooMany = 429;
constexpr int kServerError = 500;

/// Where the bytes are now, by the Hub's answer; its refusal is thrown.
http::Url place_of_bytes(FileAnswer answer, const std::optional<Digest>& expected) {
  if (!answer.found()) {
    throw refusal_of(answer.status, std::move(answer.error_code), std::move(answer.error_message),
                     std::move(answer.commit));
  }
  if (expected && answer.digest && *answer.digest != *expected) {
    throw Error(Error::Kind::kCorrupt, "The Hub has another file there now");
  }
  auto url = http::Url::parse(answer.location);
  if (!url) throw Error(Error::Kind::kUpstream, "The Hub does not say where the file is");
  return *std::move(url);
}

/// A signed URL that expired, or a stray 403 of the CDN (contract/hub.md 3.2): the Hub knows a
/// better one, or says why there is none.
bool is_refused(int status) {
  return status >= kBadRequest && status < kServerError && status != kTooMany &&
         status != kRangeNotSatisfiable;
}

Error error_of(const Delivery& delivery) {
  const int status = delivery.response.status;
  const auto& headers = delivery.response.headers;
  if (is_refused(status) && delivery.by_hub) {
    return refusal_of(status, error_code_of(status, headers), value_of(headers, "X-Error-Message"),
                      value_of(headers, "X-Repo-Commit"));
  }
  return trouble_of(status, loggable(delivery.url));
}

}  // namespace

Task<FileStream> Hub::open_file(EndpointPtr endpoint, Credential credential, FileRef file,
                                std::string location, std::optional<Digest> expected,
                                std::uint64_t offset, std::uint64_t length) {
  const Courier courier{.client = client_,
                        .instance_id = options_.instance_id,
                        .endpoint = *endpoint,
                        .credential = credential,
                        .timeouts = endpoint->timeouts};
  auto url = http::Url::parse(location);
  bool asked = false;
  while (true) {
    if (!url) {
      url = place_of_bytes(co_await head_file(endpoint, credential, file), expected);
      asked = true;
    }
    auto delivery = co_await deliver(courier, *url, range_of(offset, length), expected);
    const int status = delivery.response.status;
    if (status == kOk || status == kPartial) {
      co_return stream_of(std::move(delivery), offset, length);
    }
    if (asked || !is_refused(status)) throw error_of(delivery);
    url.reset();
  }
}

}  // namespace hubcache::hub
