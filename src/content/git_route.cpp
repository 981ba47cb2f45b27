#include "hubcache/content/git_route.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "hubcache/base/http_status.h"
#include "hubcache/content/browsers.h"
#include "hubcache/content/errors.h"
#include "hubcache/content/rights.h"
#include "hubcache/http/url.h"
#include "hubcache/hub/urls.h"

#include "stopwatch.h"

namespace hubcache::content {
namespace {

using Kind = hub::Route::Kind;

constexpr std::size_t kChunk = 64UL * 1024;
constexpr std::size_t kLongestProtocol = 64;
// A line of 50 bytes for each commit or ref that git has or wants, all of them once more each time.
constexpr std::size_t kLongestNegotiation = 8UL * 1024 * 1024;
constexpr std::string_view kUploadPack = "git-upload-pack";
constexpr std::string_view kReceivePack = "git-receive-pack";

/// The kind of the route; kUnknown for what no route can be.
Kind kind_of(std::string_view below) {
  try {
    return hub::parse_route(below).kind;
  } catch (const Error&) {
    return Kind::kUnknown;
  }
}

bool is_lfs(std::string_view path) { return path.find("/info/lfs/") != std::string_view::npos; }

/// A guard refuses who has not said who he is: then a password may help.
bool lacks_password(const http::Request& request, const Error& error) {
  const bool by_guard = error.kind() == Error::Kind::kForbidden && error.hub().status == 0 &&
                        error.hub().code == "GatedRepo";
  return by_guard && !request.headers.has("Authorization");
}

/// "version=2": what git says it can speak. Nothing else goes on to the Hub by this field.
std::string protocol_of(const http::Request& request) {
  const auto said = request.headers.get("Git-Protocol").value_or("");
  const auto fits = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '=' || c == ':' || c == '-';
  };
  const bool good = said.size() <= kLongestProtocol && std::ranges::all_of(said, fits);
  return std::string(good ? said : std::string_view());
}

/// What the Hub sends, as it comes.
class PassedBody final : public http::SpanSource {
 public:
  explicit PassedBody(http::ClientResponse response) : response_(std::move(response)) {}

  std::optional<std::uint64_t> size() const override { return response_.content_length; }

  Task<http::Span> next() override {
    const auto count = co_await response_.read(asio::buffer(buffer_));
    co_return std::as_bytes(std::span(buffer_.data(), count));
  }

 private:
  http::ClientResponse response_;
  std::vector<char> buffer_ = std::vector<char>(kChunk);
};

}  // namespace

bool GitRoute::asks_for_pack(const http::Request& request) {
  return request.method == "POST" && request.path().ends_with("/git-upload-pack");
}

std::optional<std::size_t> GitRoute::longest_body(const http::Request& request) {
  return asks_for_pack(request) ? std::optional(kLongestNegotiation) : std::nullopt;
}

bool is_for_git(std::string_view below) { return is_for_git(kind_of(below)); }

bool is_for_git(Kind kind) {
  switch (kind) {
    case Kind::kGitRefs:
    case Kind::kGitUploadPack:
    case Kind::kGitReceivePack:
    case Kind::kLfsBatch:
    case Kind::kLfsObject:
      return true;
    default:
      return false;
  }
}

http::Response git_error_response(const http::Request& request, const Error& error) {
  auto response = error_response(request, error);
  const auto message = std::string(response.headers.get("X-Error-Message").value_or(""));
  if (is_lfs(request.path())) {
    response.headers.set("Content-Type", "application/vnd.git-lfs+json");
    response.body = nlohmann::json{{"message", message}}.dump();
  } else {
    response.headers.set("Content-Type", "text/plain; charset=utf-8");
    response.body = message + "\n";
  }
  if (lacks_password(request, error)) response.status = http_status::kUnauthorized;
  if (response.status == http_status::kUnauthorized) {
    response.headers.set("WWW-Authenticate", R"(Basic realm="hubcache", charset="UTF-8")");
  }
  return response;
}

Task<http::Response> GitRoute::refs(const http::Request& request, Place place, hub::Route asked) {
  std::string service;
  for (auto& [name, value] : http::parse_pairs(request.query())) {
    if (name == "service") service = std::move(value);
  }
  if (service == kReceivePack) refuse_push();
  if (service != kUploadPack) {
    throw Error(Error::Kind::kForbidden, "hubcache speaks git's smart protocol only");
  }
  hub::PassedRequest passed{.repo = std::move(asked.file.repo)};
  if (const auto protocol = protocol_of(request); !protocol.empty()) {
    passed.headers.set("Git-Protocol", protocol);
  }
  co_return co_await pass(std::move(place), std::move(passed), "/info/refs?service=git-upload-pack",
                          "application/x-git-upload-pack-advertisement");
}

Task<http::Response> GitRoute::upload_pack(const http::Request& request, Place place,
                                           hub::Route asked) {
  hub::PassedRequest passed{
      .method = "POST", .repo = std::move(asked.file.repo), .body = request.body};
  passed.headers.set("Content-Type", "application/x-git-upload-pack-request");
  if (const auto protocol = protocol_of(request); !protocol.empty()) {
    passed.headers.set("Git-Protocol", protocol);
  }
  const auto encoding = request.headers.get("Content-Encoding").value_or("identity");
  const bool packed = http::same_name(encoding, "gzip") || http::same_name(encoding, "x-gzip");
  if (packed) passed.headers.set("Content-Encoding", "gzip");
  if (!packed && !http::same_name(encoding, "identity")) {
    throw Error(Error::Kind::kUnsupportedMedia, "hubcache does not know this Content-Encoding");
  }
  co_return co_await pass(std::move(place), std::move(passed), "/git-upload-pack",
                          "application/x-git-upload-pack-result");
}

void GitRoute::refuse_push() {
  throw Error(Error::Kind::kForbidden,
              "hubcache is a read-only cache of the Hub: push to the Hub itself");
}

Task<http::Response> GitRoute::pass(Place place, hub::PassedRequest passed, std::string_view below,
                                    std::string_view content_type) {
  const auto right = co_await require_all_files(services_, place, std::move(passed.repo));
  passed.repo = right.repo;
  passed.target = hub::git_path(right.repo, below);
  services_.budgets.take_question(place.client);
  auto& hub = *services_.hubs[services_.worker];
  const Stopwatch stopwatch;
  auto answer = co_await hub.pass(place.endpoint, place.credential, std::move(passed));
  http::Response response;
  response.headers.add("Content-Type", content_type);
  response.headers.add("Cache-Control", "no-cache, max-age=0, must-revalidate");
  shield(response);
  response.served = {.cache = "pass", .upstream = stopwatch.elapsed()};
  response.body = std::make_unique<PassedBody>(std::move(answer));
  co_return response;
}

}  // namespace hubcache::content
