// The head of a request, and the path in it, as the Hub's routes; and the head of an answer.
#include "hubcache/base/error.h"
#include "hubcache/http/message.h"
#include "hubcache/hub/grammar.h"
#include "hubcache/hub/urls.h"

#include "fuzz.h"
#include "http/answer_head.h"
#include "http/request_head.h"

namespace hubcache::fuzz {
namespace {

using Kind = hub::Route::Kind;

bool refuses_with(const Error& error) {
  return error.kind() == Error::Kind::kBadRequest || error.kind() == Error::Kind::kUriTooLong;
}

/// The path that is sent upstream for it.
std::string rebuilt(const hub::Route& route) {
  if (route.kind == Kind::kResolve) return hub::resolve_path(route.file);
  if (route.kind == Kind::kInfo) return hub::info_path(route.file);
  if (route.kind == Kind::kTree) return hub::tree_path(route.file);
  return route.api_path;
}

void try_route(std::string_view path) {
  if (!path.starts_with('/')) return;
  try {
    const auto route = hub::parse_route(path.substr(1));
    const auto built = rebuilt(route);
    if (route.kind == Kind::kUnknown || built.empty()) return;
    require(built.starts_with('/'), "a built path starts with a slash");
    require(built.find("/../") == std::string::npos, "a built path stays in its place");
    const auto again = hub::parse_route(std::string_view(built).substr(1));
    require(again.kind == route.kind, "parse(build(parts)) is of the same kind");
    require(again.file == route.file, "parse(build(parts)) == parts");
    require(rebuilt(again) == built, "what is built of it is the same");
  } catch (const Error& error) {
    require(refuses_with(error), "a path is refused as a bad request");
  }
}

void try_request(std::string_view text) {
  http::Problem problem = nullptr;
  const auto end = http::find_head_end(text, problem);
  if (!end || problem != nullptr) return;
  http::Request request;
  try {
    constexpr std::size_t kMostTarget = 8'192;
    const auto head = http::read_request_head(text.substr(0, *end), kMostTarget, request);
    require(!(head.framing.chunked && head.framing.content_length), "one framing");
    require(!(head.framing.chunked && head.http_1_0), "no chunks in HTTP/1.0");
    require(request.target.starts_with('/') || request.target == "*", "the target is a path");
    require(request.target.size() <= kMostTarget, "the target is not too long");
    require(request.target.find_first_of(std::string_view(" \t\r\n\0", 5)) == std::string::npos,
            "the target is one word");
    try_route(request.path());
  } catch (const Error& error) {
    require(refuses_with(error), "a head is refused as a bad request");
  }
}

void try_answer(std::string_view text) {
  http::Problem problem = nullptr;
  const auto end = http::find_head_end(text, problem);
  if (!end || problem != nullptr) return;
  http::AnswerHead head;
  if (http::read_answer_head(text.substr(0, *end), head) != nullptr) return;
  require(head.status >= 100 && head.status <= 999, "the status has three digits");
  require(!(head.framing.chunked && head.framing.content_length), "one framing");
}

}  // namespace
}  // namespace hubcache::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const auto text = hubcache::fuzz::text_of(bytes, size);
  hubcache::fuzz::try_request(text);
  hubcache::fuzz::try_answer(text);
  hubcache::fuzz::try_route(text.substr(0, text.find('?')));
  return 0;
}
