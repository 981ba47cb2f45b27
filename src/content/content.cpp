#include "hubcache/content/content.h"

#include <utility>

#include "hubcache/access/caller.h"
#include "hubcache/content/external_base.h"
#include "hubcache/hub/grammar.h"
#include "hubcache/hub/urls.h"

namespace hubcache::content {
namespace {

constexpr std::string_view kPrefix = "/pulp/content";

Error not_found() { return {Error::Kind::kNotFound, "Not Found"}; }

void require_reading(const http::Request& request) {
  if (request.method != "GET" && request.method != "HEAD") {
    throw Error(Error::Kind::kMethodNotAllowed,
                "hubcache is a read-only cache of the Hub: only GET and HEAD are allowed here");
  }
}

/// Asked first by every recent client with a fresh HF_HOME; a list would crash it, and an error
/// would delay it (contract/hub.md 10).
http::Response no_agent_harnesses() {
  return http::text_response(200, "{}", "application/json; charset=utf-8");
}

std::string with_query(std::string path, std::string_view query) {
  if (!query.empty()) (path += '?') += query;
  return path;
}

}  // namespace

Content::Content(Services services, Options options)
    : services_(std::move(services)),
      options_(std::move(options)),
      files_(services_),
      documents_(services_) {}

Task<http::Response> Content::handle(http::Request request) {
  require_reading(request);
  const auto snapshot = services_.registry.current(services_.worker);
  const auto match = snapshot->match(request.path().substr(kPrefix.size() + 1));
  if (!match) throw not_found();
  std::string own_path = std::string(kPrefix) + "/" + match->distribution->base_path;
  co_return co_await route(std::move(request), *match->distribution, match->remote,
                           std::string(match->rest), std::move(own_path));
}

Task<http::Response> Content::handle_root(http::Request request) {
  const auto snapshot = services_.registry.current(services_.worker);
  const auto match = snapshot->root();
  if (!match) throw not_found();
  require_reading(request);
  std::string below(request.path().substr(1));
  co_return co_await route(std::move(request), *match->distribution, match->remote,
                           std::move(below), "");
}

Task<http::Response> Content::route(http::Request request,
                                    const registry::Distribution& distribution,
                                    const registry::Remote* remote, std::string below,
                                    std::string own_path) {
  for (const auto via : request.headers.all("Via")) {
    if (via.find(options_.instance_id) != std::string_view::npos) {
      throw Error(Error::Kind::kLoop, "this request came from this very server");
    }
  }
  if (remote == nullptr) {
    throw Error(Error::Kind::kNotFound,
                "Distribution is not pointing to a publication, repository, repository version, "
                "or remote.");
  }
  if (distribution.content_guard) throw Error(Error::Kind::kForbidden, "Access denied.");
  const auto caller = access::Caller::of(request.headers);
  Place place{.endpoint = remote->endpoint,
              .credential = access::credential_for(*remote->endpoint, caller, options_.token_key),
              .streamed = remote->policy == registry::Policy::kStreamed,
              .own_base = external_base(request, options_.external_url) + own_path};

  auto asked = hub::parse_route(below);
  switch (asked.kind) {
    case hub::Route::Kind::kResolve:
      co_return co_await files_.get(request, std::move(place), std::move(asked.file));
    case hub::Route::Kind::kInfo: {
      DocumentRef document{.kind = DocumentRef::Kind::kInfo,
                           .repo = asked.file.repo,
                           .revision = asked.file.revision,
                           .target = with_query(hub::info_path(asked.file), request.query())};
      co_return co_await documents_.get(request, std::move(place), std::move(document));
    }
    case hub::Route::Kind::kTree: {
      DocumentRef document{.kind = DocumentRef::Kind::kTree,
                           .repo = asked.file.repo,
                           .revision = asked.file.revision,
                           .target = with_query(hub::tree_path(asked.file), request.query())};
      co_return co_await documents_.get(request, std::move(place), std::move(document));
    }
    default:
      if (below == "api/agent-harnesses") co_return no_agent_harnesses();
      throw not_found();
  }
}

}  // namespace hubcache::content
