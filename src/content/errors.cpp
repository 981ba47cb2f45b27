#include "hubcache/content/errors.h"

#include <string>

#include <nlohmann/json.hpp>

#include "hubcache/http/status.h"

namespace hubcache::content {
namespace {

Error::Kind kind_of(int status) {
  switch (status) {
    case 400: return Error::Kind::kBadRequest;
    case 401: return Error::Kind::kUnauthorized;
    case 403: return Error::Kind::kForbidden;
    case 404: return Error::Kind::kNotFound;
    case 429: return Error::Kind::kTooManyRequests;
    default: return Error::Kind::kUpstream;
  }
}

bool is_api(std::string_view path) { return path.find("/api/") != std::string_view::npos; }

}  // namespace

http::Response error_response(const http::Request& request, const Error& error) {
  const auto& detail = error.hub();
  const int status = detail.status != 0 ? detail.status : http::status_of(error.kind());
  const std::string message = detail.message.empty() ? error.what() : detail.message;

  auto response = is_api(request.path())
                      ? http::text_response(status, nlohmann::json{{"error", message}}.dump(),
                                            "application/json; charset=utf-8")
                      : http::text_response(status, message);
  if (!detail.code.empty()) response.headers.set("X-Error-Code", detail.code);
  response.headers.set("X-Error-Message", message);
  if (!detail.commit.empty()) response.headers.set("X-Repo-Commit", detail.commit);
  if (status == 401) {
    response.headers.set("WWW-Authenticate",
                         R"(Bearer realm="Authentication required", charset="UTF-8")");
  }
  if (status == 405) response.headers.set("Allow", "GET, HEAD");
  if (status == 429 || status == 503) response.headers.set("Retry-After", "10");
  return response;
}

Error hub_error(int status, std::string code, std::string message, std::string commit) {
  Error::HubDetail detail{.code = std::move(code),
                          .message = message,
                          .status = status,
                          .commit = std::move(commit)};
  return {kind_of(status), std::move(message), std::move(detail)};
}

}  // namespace hubcache::content
