#include "hubcache/content/content.h"

#include <utility>

#include "hubcache/access/caller.h"
#include "hubcache/content/listing.h"
#include "hubcache/content/via.h"
#include "hubcache/hub/grammar.h"

namespace hubcache::content {
namespace {

constexpr std::string_view kPrefix = "/pulp/content";

Error not_found() { return {Error::Kind::kNotFound, "Not Found"}; }

/// POST is a way to read here and there only.
void require_reading(const http::Request& request, hub::Route::Kind kind) {
  const bool by_post = kind == hub::Route::Kind::kPathsInfo;
  if (by_post ? request.method == "POST" : request.method == "GET" || request.is_head()) return;
  throw Error(Error::Kind::kMethodNotAllowed,
              by_post
                  ? "paths-info is asked by POST"
                  : "hubcache is a read-only cache of the Hub: only GET and HEAD are allowed here");
}

/// A revision that cannot be, so that clients fall back on plain HTTP (contract/hub.md 10).
Error no_xet() {
  return {Error::Kind::kNotFound, "hubcache serves files by plain HTTP, not by Xet"};
}

hub::EndpointPtr with_via(hub::EndpointPtr endpoint, std::string via) {
  if (via.empty()) return endpoint;
  auto copy = std::make_shared<hub::Endpoint>(*endpoint);
  copy->via = std::move(via);
  return copy;
}

Error not_for_readers() {
  return {Error::Kind::kForbidden,
          "hubcache is a read-only cache of the Hub: this is not for readers"};
}

}  // namespace

Content::Content(Services services, Options options)
    : services_(services),
      options_(std::move(options)),
      files_(services_),
      documents_(services_),
      api_(services_) {}

Task<http::Response> Content::handle(const http::Request& request) {
  const auto snapshot = services_.registry.current(services_.worker);
  const auto path = request.path().substr(kPrefix.size() + 1);
  const auto match = snapshot->match(path);
  if (!match) {
    co_return co_await list_directory(services_.guards, snapshot, request, std::string(path));
  }
  std::string own_path = std::string(kPrefix) + "/" + match->distribution->base_path;
  std::string below(match->rest);
  co_return co_await route(request, snapshot, *match, std::move(below), std::move(own_path));
}

Task<http::Response> Content::handle_root(const http::Request& request) {
  const auto snapshot = services_.registry.current(services_.worker);
  const auto match = snapshot->root();
  if (!match) throw not_found();
  std::string below(request.path().substr(1));
  co_return co_await route(request, snapshot, *match, std::move(below), "");
}

Task<http::Response> Content::route(const http::Request& request,
                                    std::shared_ptr<const registry::Snapshot> snapshot,
                                    registry::Match match, std::string below,
                                    std::string own_path) {
  auto via = via_hubcaches(request, options_.instance_id);
  if (const auto& guard = match.distribution->content_guard) {
    co_await services_.guards.require(snapshot, *guard, request);
  }
  if (below.empty() && !request.path().ends_with('/')) co_return redirect_to_slash(request);
  const auto* remote = match.remote;
  if (remote == nullptr) {
    throw Error(Error::Kind::kNotFound,
                "Distribution is not pointing to a publication, repository, repository version, "
                "or remote.");
  }
  const auto caller = access::Caller::of(request.headers);
  Place place{.endpoint = with_via(remote->endpoint, std::move(via)),
              .credential = access::credential_for(*remote->endpoint, caller, options_.token_key),
              .streamed = remote->policy == registry::Policy::kStreamed,
              .own_base = http::public_base(request, options_.public_name) + own_path};

  using Kind = hub::Route::Kind;
  auto asked = hub::parse_route(below);
  require_reading(request, asked.kind);
  switch (asked.kind) {
    case Kind::kResolve:
    case Kind::kRaw:
      co_return co_await files_.get(request, std::move(place), std::move(asked));
    case Kind::kBucketFile:
      co_return co_await files_.get_from_bucket(request, std::move(place), std::move(asked.file));
    case Kind::kInfo:
    case Kind::kTree:
    case Kind::kPathsInfo:
    case Kind::kRefs:
    case Kind::kCommits:
      co_return co_await documents_.get(request, std::move(place), std::move(asked));
    case Kind::kAuthCheck:
      co_return co_await documents_.auth_check(std::move(place), std::move(asked));
    case Kind::kWhoami:
      co_return co_await api_.whoami(request, std::move(place), std::move(asked));
    case Kind::kApiOther:
      co_return co_await api_.get(request, std::move(place), std::move(asked));
    case Kind::kXetReadToken:
      throw no_xet();
    case Kind::kNotForReaders:
      throw not_for_readers();
    case Kind::kUnknown:
      throw not_found();
  }
  throw not_found();
}

}  // namespace hubcache::content
