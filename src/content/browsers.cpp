#include "hubcache/content/browsers.h"

#include <algorithm>

#include "hubcache/base/error.h"
#include "hubcache/base/http_status.h"

namespace hubcache::content {
namespace {

// What the Hub exposes (contract/hub.md 3.1), and the length, which older browsers keep to
// themselves.
constexpr std::string_view kExposed =
    "X-Repo-Commit, X-Request-Id, X-Error-Code, X-Error-Message, X-Total-Count, ETag, Link, "
    "Accept-Ranges, Content-Range, Content-Length, X-Linked-Size, X-Linked-ETag, X-Xet-Hash";

void set_origin(http::Response& response, std::string_view origin) {
  response.headers.set("Access-Control-Allow-Origin", origin);
}

}  // namespace

void shield(http::Response& response) {
  for (const auto& [name, value] : kShield) response.headers.add(name, value);
}

bool Browsers::is_from_page(const http::Request& request) {
  return request.headers.has("Origin") || request.headers.has("Service-Worker");
}

bool Browsers::is_preflight(const http::Request& request) {
  return request.method == "OPTIONS" && request.headers.has("Access-Control-Request-Method");
}

void Browsers::refuse_service_worker(const http::Request& request) {
  if (!request.headers.has("Service-Worker")) return;
  throw Error(Error::Kind::kForbidden, "What repositories hold is no service worker here");
}

bool Browsers::is_allowed(const http::Request& request) const {
  return std::ranges::find(allowed_, request.headers.get("Origin").value_or("")) != allowed_.end();
}

// "*" stands for all fields but Authorization (Fetch 4.8), which has to be named.
http::Response Browsers::preflight(const http::Request& request, bool to_all) const {
  http::Response response{.status = http_status::kNoContent};
  response.headers.set("Vary", "Origin");
  const bool allowed = is_allowed(request);
  if (!allowed && !to_all) return response;
  set_origin(response, allowed ? *request.headers.get("Origin") : "*");
  response.headers.set("Access-Control-Allow-Methods", "GET, HEAD, POST");
  response.headers.set("Access-Control-Allow-Headers", allowed ? "*, Authorization" : "*");
  response.headers.set("Access-Control-Max-Age", "86400");
  return response;
}

void Browsers::share(const http::Request& request, bool to_all, http::Response& response) const {
  response.headers.add("Vary", "Origin");
  const bool allowed = is_allowed(request);
  const bool anonymous = !request.headers.has("Authorization");
  if (!allowed && !(to_all && anonymous)) return;
  set_origin(response, allowed ? *request.headers.get("Origin") : "*");
  response.headers.set("Access-Control-Expose-Headers", kExposed);
}

}  // namespace hubcache::content
