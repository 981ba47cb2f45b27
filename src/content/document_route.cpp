#include "hubcache/content/document_route.h"

#include <utility>

#include <nlohmann/json.hpp>

#include "hubcache/content/external_base.h"
#include "hubcache/content/json_filter.h"
#include "hubcache/hub/grammar.h"
#include "hubcache/hub/refusal.h"

namespace hubcache::content {
namespace {

/// The commit an info document names ("sha"); empty when it names none.
std::string commit_in(std::string_view body) {
  struct TopLevelSha : nlohmann::json_sax<nlohmann::json> {
    std::size_t depth = 0;
    bool here = false;
    std::string found;
    bool null() override { return next(); }
    bool boolean(bool /*value*/) override { return next(); }
    bool number_integer(number_integer_t /*value*/) override { return next(); }
    bool number_unsigned(number_unsigned_t /*value*/) override { return next(); }
    bool number_float(number_float_t /*value*/, const string_t& /*text*/) override {
      return next();
    }
    bool binary(binary_t& /*value*/) override { return next(); }
    bool string(string_t& value) override {
      if (here) found = value;
      return next() && found.empty();
    }
    bool start_object(std::size_t /*size*/) override { return ++depth != 0 && next(); }
    bool end_object() override { return depth-- != 0; }
    bool start_array(std::size_t /*size*/) override { return ++depth != 0 && next(); }
    bool end_array() override { return depth-- != 0; }
    bool key(string_t& name) override {
      here = depth == 1 && name == "sha";
      return true;
    }
    bool parse_error(std::size_t /*position*/, const std::string& /*token*/,
                     const nlohmann::detail::exception& /*failure*/) override {
      return false;
    }
    bool next() {
      here = false;
      return true;
    }
  } sax;
  nlohmann::json::sax_parse(body, &sax);
  return hub::is_commit_id(sax.found) ? sax.found : std::string();
}

http::Response document_response(const catalog::Document& document, const Place& place) {
  http::Response response;
  const bool json = document.content_type.find("json") != std::string::npos;
  response.headers.set("Content-Type", json ? document.content_type : "text/plain; charset=utf-8");
  response.headers.set("X-Content-Type-Options", "nosniff");
  if (!document.etag.empty()) response.headers.set("ETag", document.etag);
  if (!document.commit.empty()) response.headers.set("X-Repo-Commit", document.commit);
  if (!document.total_count.empty()) response.headers.set("X-Total-Count", document.total_count);
  const auto link = own_next_link(document.link, place.endpoint->base, place.own_base);
  if (!link.empty()) response.headers.set("Link", link);
  response.body = json ? without_xet(document.body) : document.body;
  return response;
}

}  // namespace

Task<http::Response> DocumentRoute::get(const http::Request& request, Place place,
                                        DocumentRef document) {
  const auto right = co_await services_.access.right_of_repo(place.endpoint, place.credential,
                                                             document.repo, services_.flights);
  // The metadata of gated repos is public; of everything else nothing is told (SECURITY 4).
  if (right.refused() && right.refusal.code != "GatedRepo") {
    throw hub::refusal_of(right.refusal.status, right.refusal.code, right.refusal.message, {});
  }
  const bool at_commit = hub::is_commit_id(document.revision);
  const auto answer = co_await services_.documents.get(
      place.endpoint, place.credential, document.repo, document.target, right.document_class(),
      at_commit, services_.flights);
  if (answer.status != 200) {
    throw hub::refusal_of(answer.status, answer.error_code, answer.error_message, answer.commit);
  }
  if (document.kind == DocumentRef::Kind::kInfo) {
    const std::string commit = commit_in(answer.body);
    const std::string revision = document.revision.empty() ? "main" : document.revision;
    if (!commit.empty() && !answer.stale) {
      co_await services_.catalog.learn_commit(place.endpoint, document.repo, revision, commit);
    }
  }
  auto response = document_response(answer, place);
  if (answer.stale) response.served.cache = "stale";
  if (request.is_head()) {
    response.headers.set("Content-Length",
                         std::to_string(std::get<std::string>(response.body).size()));
    response.body = {};
  }
  co_return response;
}

}  // namespace hubcache::content
