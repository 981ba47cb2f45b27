#include "hubcache/http/text_answer.h"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "hubcache/base/http_status.h"
#include "hubcache/base/text.h"
#include "hubcache/http/range.h"

#include "gzip.h"

namespace hubcache::http {
namespace {

constexpr std::size_t kLeastPacked = 1024;  // below, a packed answer takes as many packets
constexpr std::size_t kMostPacked = 8 * 1024 * 1024;
constexpr std::size_t kMostOnWorker = 16 * 1024;  // takes less than a trip to the pool and back

// In thousandths. No parameter means 1; one that is not a weight, nothing.
std::optional<int> weight_of(std::string_view parameter) {
  parameter = trimmed(parameter);
  if (parameter.empty()) return 1000;
  if (!parameter.starts_with("q=") && !parameter.starts_with("Q=")) return std::nullopt;
  const auto digits = parameter.substr(2);
  if (digits.empty() || digits.size() > 5 || (digits.size() > 1 && digits[1] != '.')) {
    return std::nullopt;
  }
  int weight = 0;
  for (std::size_t i = 0; i < 5; ++i) {
    if (i == 1) continue;
    const char c = i < digits.size() ? digits[i] : '0';
    if (c < '0' || c > '9') return std::nullopt;
    weight = weight * 10 + (c - '0');
  }
  return weight <= 1000 ? std::optional(weight) : std::nullopt;
}

bool is_text(const Response& response) {
  const auto type = response.headers.get("Content-Type").value_or("");
  return type.starts_with("text/") || type.find("json") != std::string_view::npos;
}

Response not_modified(Response response) {
  response.status = 304;
  response.body = {};
  for (const char* name : {"Content-Type", "Content-Length"}) response.headers.remove(name);
  return response;
}

void weaken_etag(Headers& headers) {
  const auto etag = headers.get("ETag");
  if (etag && !etag->starts_with("W/")) headers.set("ETag", "W/" + std::string(*etag));
}

}  // namespace

bool prefers_gzip(const Headers& headers) {
  std::optional<int> gzip;
  std::optional<int> none;
  std::optional<int> other;
  for (auto list : headers.all("Accept-Encoding")) {
    while (!list.empty()) {
      const auto element = list.substr(0, list.find(','));
      list.remove_prefix(std::min(element.size() + 1, list.size()));
      const auto coding = element.substr(0, element.find(';'));
      const auto parameter = element.substr(std::min(coding.size() + 1, element.size()));
      const auto name = trimmed(coding);
      const auto weight = weight_of(parameter);
      if (!weight) continue;
      if (same_name(name, "gzip") || same_name(name, "x-gzip")) gzip = weight;
      if (same_name(name, "identity")) none = weight;
      if (name == "*") other = weight;
    }
  }
  const int ours = gzip.value_or(other.value_or(0));
  return ours > 0 && ours >= none.value_or(other.value_or(0));
}

Task<Response> finish_text(Pool& pool, const Request& request, Response response, TextEdit edit) {
  const auto text = text_of(response.body);
  if (!text) co_return response;
  const bool ok = response.status == http_status::kOk;
  const bool worth_it =
      ok && is_text(response) && text->size() >= kLeastPacked && text->size() <= kMostPacked;
  if (worth_it) response.headers.add("Vary", "Accept-Encoding");
  const auto etag = response.headers.get("ETag");
  const bool conditional = ok && (request.method == "GET" || request.is_head());
  if (conditional && etag && none_match_names(request.headers, *etag)) {
    co_return not_modified(std::move(response));
  }
  const bool packed = worth_it && prefers_gzip(request.headers);
  if (!edit && !packed) co_return response;

  const bool large = text->size() > kMostOnWorker;
  auto form = [plain = std::move(response.body), edit = std::move(edit), packed] {
    auto edited = edit ? std::optional(edit(*text_of(plain))) : std::nullopt;
    if (!packed) return *std::move(edited);
    return gzip(edited ? std::string_view(*edited) : *text_of(plain));
  };
  response.body = large ? co_await offload(pool, std::move(form)) : form();
  if (packed) {
    response.headers.set("Content-Encoding", "gzip");
    weaken_etag(response.headers);
  }
  co_return response;
}

}  // namespace hubcache::http
