#include "hubcache/content/errors.h"

#include <chrono>
#include <string>

#include <nlohmann/json.hpp>

#include "hubcache/content/browsers.h"
#include "hubcache/http/status.h"
#include "hubcache/hub/refusal.h"

namespace hubcache::content {
namespace {

/// Below /api/, and where a client wanted to write, JSON is what it reads.
bool wants_json(const http::Request& request) {
  const bool reads = request.method == "GET" || request.is_head();
  return !reads || request.path().find("/api/") != std::string_view::npos;
}

/// Clients that know the Hub's `ratelimit` wait a second more than its `t` (contract/hub.md 3.4).
void tell_when_to_return(const Error::HubDetail& detail, http::Response& response) {
  constexpr std::chrono::seconds kUsual{10};
  const auto wait = detail.retry_after.count() > 0 ? detail.retry_after : kUsual;
  response.headers.set("Retry-After", std::to_string(wait.count()));
  if (detail.quota.empty()) return;
  response.headers.set("ratelimit",
                       '"' + detail.quota + "\";r=0;t=" + std::to_string(wait.count() - 1));
  if (!detail.quota_policy.empty()) response.headers.set("ratelimit-policy", detail.quota_policy);
}

}  // namespace

http::Response error_response(const http::Request& request, const Error& error) {
  const auto& detail = error.hub();
  const int status = detail.status != 0 ? detail.status : http::status_of(error.kind());
  const std::string message = detail.message.empty() ? error.what() : detail.message;

  auto response = wants_json(request)
                      ? http::text_response(status, nlohmann::json{{"error", message}}.dump(),
                                            "application/json; charset=utf-8")
                      : http::text_response(status, error.what());
  shield(response);
  if (!detail.code.empty()) response.headers.set("X-Error-Code", detail.code);
  response.headers.set("X-Error-Message", message);
  if (!detail.commit.empty()) response.headers.set("X-Repo-Commit", detail.commit);
  if (status == 401) {
    response.headers.set("WWW-Authenticate",
                         R"(Bearer realm="Authentication required", charset="UTF-8")");
  }
  if (status == 405) {
    const bool reads = request.method == "GET" || request.is_head();
    response.headers.set("Allow", reads ? "POST" : "GET, HEAD");
  }
  if (status == 429 || status == 503) tell_when_to_return(detail, response);
  return response;
}

bool is_of_the_past(const Error& error, const hub::Credential& credential) {
  if (error.kind() == Error::Kind::kConflict) return true;
  const auto& said = error.hub();
  return credential.kind == hub::Credential::Kind::kCaller &&
         hub::is_of_repo(said.status, said.code);
}

}  // namespace hubcache::content
