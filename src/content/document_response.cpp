#include "hubcache/content/document_response.h"

#include <utility>

#include "hubcache/base/http_status.h"
#include "hubcache/base/text.h"
#include "hubcache/content/browsers.h"
#include "hubcache/content/json_filter.h"
#include "hubcache/content/own_link.h"
#include "hubcache/http/text_answer.h"

namespace hubcache::content {

bool is_json(std::string_view content_type) {
  const auto type = trimmed(content_type.substr(0, content_type.find(';')));
  return type == "application/json" ||
         (type.starts_with("application/") && type.ends_with("+json"));
}

namespace {

/// What is not offered by Xet (FileRoute) is not told of as such: there are clients that go by
/// that, and ask no more.
Task<http::TextEdit> less_what_has_no_room(store::Store& store, std::string_view json) {
  const auto largest = largest_size_if_xet(json);
  const auto room = largest == 0 ? 0 : co_await store.room(largest);
  if (room >= largest) co_return nullptr;
  co_return [room](std::string_view text) { return without_xet_above(room, text); };
}

}  // namespace

Task<http::Response> document_response(Services& services, const http::Request& request,
                                       const hub::DocumentAnswer& answer, const Place& place) {
  http::Response response;
  response.status = answer.status;
  auto& headers = response.headers;
  const bool json = is_json(answer.content_type);
  headers.set("Content-Type", json ? answer.content_type : "text/plain; charset=utf-8");
  shield(response);
  const auto relay = [&headers](std::string_view name, const std::string& value) {
    if (!value.empty()) headers.set(std::string(name), value);
  };
  relay("ETag", answer.etag);
  relay("X-Repo-Commit", answer.commit);
  relay("X-Total-Count", answer.total_count);
  relay("X-Error-Code", answer.error_code);
  relay("X-Error-Message", answer.error_message);
  relay("Link", own_next_link(answer.link, place.endpoint->base, place.own_base));
  if (answer.status == http_status::kUnauthorized) {
    headers.set("WWW-Authenticate", R"(Bearer realm="Authentication required", charset="UTF-8")");
  }
  http::TextEdit edit;
  if (json && place.xet) {
    edit = co_await less_what_has_no_room(services.store, answer.body);
  } else if (json) {
    edit = without_xet;
  }
  response.body = answer.body;
  response =
      co_await http::finish_text(services.pool, request, std::move(response), std::move(edit));
  // A form that this client alone is sent has its share of memory too.
  if (auto* text = std::get_if<std::string>(&response.body)) {
    auto held = catalog::with_room(std::move(*text), services.text_room);
    response.body = std::move(held);
  }
  co_return response;
}

void note(const catalog::Document& document, std::chrono::microseconds waited,
          http::Served& served) {
  served.cache = document.just_asked ? "miss" : "hit";
  if (document.stale) served.cache = "stale";
  if (document.just_asked) served.upstream = waited;
}

std::string with_query(std::string path, const http::Request& request) {
  const auto query = request.query();
  if (!query.empty()) (path += '?') += query;
  return path;
}

}  // namespace hubcache::content
