#include "hubcache/content/content.h"

#include <algorithm>
#include <utility>

#include "hubcache/access/caller.h"
#include "hubcache/content/errors.h"
#include "hubcache/content/listing.h"
#include "hubcache/content/stored_files.h"
#include "hubcache/content/via.h"
#include "hubcache/hub/grammar.h"
#include "hubcache/hub/imported.h"

namespace hubcache::content {
namespace {

constexpr std::string_view kPrefix = "/pulp/content";

Error not_found() { return {Error::Kind::kNotFound, "Not Found"}; }

Error not_for_readers() {
  return {Error::Kind::kForbidden,
          "hubcache is a read-only cache of the Hub: this is not for readers"};
}

/// Some of the Hub is for no reader, however it is asked for; POST is a way to read here and there.
void require_reading(const http::Request& request, hub::Route::Kind kind) {
  using Kind = hub::Route::Kind;
  if (kind == Kind::kGitReceivePack) GitRoute::refuse_push();
  if (kind == Kind::kNotForReaders) throw not_for_readers();
  const bool by_post =
      kind == Kind::kPathsInfo || kind == Kind::kGitUploadPack || kind == Kind::kLfsBatch;
  if (by_post ? request.method == "POST" : request.method == "GET" || request.is_head()) return;
  throw Error(Error::Kind::kMethodNotAllowed,
              by_post
                  ? "this is asked by POST"
                  : "hubcache is a read-only cache of the Hub: only GET and HEAD are allowed here");
}

/// By the name the repo was asked by; that it is another repo's alias is learned later (rights.h).
void require_by_rules(const registry::RulesOf& rules, const hub::Route& asked) {
  using Kind = hub::Route::Kind;
  if (asked.file.repo.name.empty()) return;
  switch (asked.kind) {
    case Kind::kResolve:
    case Kind::kRaw:
    case Kind::kBucketFile:
    case Kind::kLfsObject:
    case Kind::kRegistryBlob:
      rules.require_file(asked.file);
      return;
    case Kind::kApiOther:
    case Kind::kGitRefs:
    case Kind::kGitUploadPack:
    case Kind::kLfsBatch:
      rules.require_all_files(asked.file.repo);
      return;
    default:
      rules.require_repo(asked.file.repo);
  }
}

hub::EndpointPtr with_via(hub::EndpointPtr endpoint, std::string via) {
  if (via.empty()) return endpoint;
  auto copy = std::make_shared<hub::Endpoint>(*endpoint);
  copy->via = std::move(via);
  return copy;
}

}  // namespace

Content::Content(Services services, Options options)
    : services_(std::move(services)),
      options_(std::move(options)),
      browsers_(options_.allowed_origins),
      bytes_(services_),
      warm_(services_, bytes_, options_.public_name),
      files_(services_, bytes_, warm_),
      documents_(services_),
      api_(services_),
      git_(services_),
      by_digest_(services_, bytes_),
      lfs_(services_, by_digest_),
      registry_(services_, by_digest_),
      xet_(services_, bytes_, options_.xet_tokens) {}

Task<http::Response> Content::handle(const http::Request& request) {
  auto found = find(request);
  if (Browsers::is_from_page(request)) return answer_page(request, std::move(found));
  return answer(request, std::move(found));
}

std::optional<http::Response> Content::at_once(const http::Request& request) {
  auto response = warm_.find(request);
  if (response) requests_.add(hub::Route::Kind::kResolve, response->status);
  return response;
}

void Content::doubt(const http::FileSpan& span) {
  if (services_.blobs.doubt(*span.file)) return;
  const auto digest = services_.stored_files.digest_of(services_.store, *span.file);
  if (digest) services_.blobs.doubt(*digest);
}

http::Response Content::render(const http::Request& request, const Error& error) {
  const auto found = find(request);
  auto response = found.match && is_for_git(found.below) ? git_error_response(request, error)
                                                         : error_response(request, error);
  if (found.match && request.headers.has("Origin")) {
    browsers_.share(request, is_open_to_all(found), response);
  }
  count_refused(found, response.status);
  return response;
}

void Content::count_refused(const Found& found, int status) {
  if (!found.match && found.by_prefix) {
    requests_.add(RouteCounts::Own::kListing, status);
  } else if (found.match && xet_.is_on() && found.below.starts_with(XetRoute::kBelow)) {
    requests_.add(RouteCounts::Own::kXet, status);
  } else {
    auto kind = hub::Route::Kind::kUnknown;
    try {
      kind = hub::parse_route(found.below).kind;
    } catch (const Error&) {
      kind = hub::Route::Kind::kUnknown;  // that may be what it was refused for
    }
    requests_.add(kind, status);
  }
}

/// Is nobody's right needed but what anybody has? What has a token in its URL is by somebody's.
bool Content::is_open_to_all(const Found& found) {
  const auto& match = *found.match;
  return match.remote != nullptr && !match.distribution->content_guard &&
         !match.remote->endpoint->has_right() && !found.below.starts_with(XetRoute::kBelow);
}

Content::Found Content::find(const http::Request& request) const {
  Found found{.snapshot = services_.registry.current(services_.worker)};
  const auto path = request.path();
  found.by_prefix =
      path.starts_with(kPrefix) && (path.size() == kPrefix.size() || path[kPrefix.size()] == '/');
  found.below = path.substr(std::min(path.size(), found.by_prefix ? kPrefix.size() + 1 : 1));
  if (!found.by_prefix) {
    found.match = found.snapshot->root();
  } else {
    found.match = found.snapshot->match(found.below);
    if (found.match) {
      found.below = found.match->rest;
      ((found.own_path = kPrefix) += '/') += found.match->distribution->base_path;
    }
  }
  return found;
}

Task<http::Response> Content::answer(const http::Request& request, Found found) {
  if (found.match) co_return co_await route(request, std::move(found));
  if (!found.by_prefix) throw not_found();
  auto response = co_await list_directory(services_.guards, std::move(found.snapshot), request,
                                          std::string(found.below));
  requests_.add(RouteCounts::Own::kListing, response.status);
  co_return response;
}

Task<http::Response> Content::answer_page(const http::Request& request, Found found) {
  Browsers::refuse_service_worker(request);
  if (!found.match || !request.headers.has("Origin")) {
    co_return co_await answer(request, std::move(found));
  }
  const bool to_all = is_open_to_all(found);
  if (Browsers::is_preflight(request)) {
    auto allowed = browsers_.preflight(request, to_all);
    requests_.add(RouteCounts::Own::kPreflight, allowed.status);
    co_return allowed;
  }
  auto response = co_await answer(request, std::move(found));
  browsers_.share(request, to_all, response);
  co_return response;
}

Task<http::Response> Content::route(const http::Request& request, Found found) {
  if (xet_.is_on() && found.below.starts_with(XetRoute::kBelow)) {
    auto response = co_await answer_cas(request, std::move(found));
    requests_.add(RouteCounts::Own::kXet, response.status);
    co_return response;
  }
  auto via = via_hubcaches(request, options_.instance_id);
  if (found.match->distribution->content_guard) co_await require_guard(request, found);
  if (found.below.empty() && !request.path().ends_with('/')) {
    auto response = redirect_to_slash(request);
    requests_.add(RouteCounts::Own::kListing, response.status);
    co_return response;
  }

  auto asked = hub::parse_route(found.below);
  const auto kind = asked.kind;
  const auto caller = is_for_git(kind) ? access::Caller::of_git(request.headers)
                                       : access::Caller::of(request.headers);
  auto place = place_of(request, found, std::move(via), caller);
  require_reading(request, kind);
  require_by_rules(place.rules, asked);
  auto answer = place.endpoint->offline
                    ? ask_offline(request, found, std::move(place), std::move(asked))
                    : ask(request, found, std::move(place), std::move(asked));
  auto response = co_await std::move(answer);
  requests_.add(kind, response.status);
  co_return response;
}

/// What the Hub's own word does not answer is asked once more of what was imported.
Task<http::Response> Content::ask_offline(const http::Request& request, const Found& found,
                                          Place place, hub::Route asked) {
  try {
    co_return co_await ask(request, found, place, asked);
  } catch (const Error& error) {
    if (error.kind() != Error::Kind::kUpstream) throw;
  }
  place.endpoint = hub::imported_twin(*place.endpoint);
  co_return co_await ask(request, found, std::move(place), std::move(asked));
}

/// No coroutine: the route's own is the only one.
Task<http::Response> Content::ask(const http::Request& request, const Found& found, Place place,
                                  hub::Route asked) {
  using Kind = hub::Route::Kind;
  switch (asked.kind) {
    case Kind::kResolve:
    case Kind::kRaw:
      return files_.get(request, std::move(place), std::move(asked));
    case Kind::kBucketFile:
      return files_.get_from_bucket(request, std::move(place), std::move(asked.file));
    case Kind::kInfo:
    case Kind::kTree:
    case Kind::kPathsInfo:
    case Kind::kRefs:
    case Kind::kCommits:
      return documents_.get(request, std::move(place), std::move(asked));
    case Kind::kAuthCheck:
      return documents_.auth_check(std::move(place), std::move(asked));
    case Kind::kWhoami:
      return api_.whoami(request, std::move(place), std::move(asked));
    case Kind::kApiOther:
      return api_.get(request, std::move(place), std::move(asked));
    case Kind::kXetReadToken:
      return xet_.read_token(request, std::move(place), found.match->distribution->id,
                             std::move(asked));
    case Kind::kGitRefs:
      return git_.refs(request, std::move(place), std::move(asked));
    case Kind::kGitUploadPack:
      return git_.upload_pack(request, std::move(place), std::move(asked));
    case Kind::kGitReceivePack:
    case Kind::kNotForReaders:
      throw not_for_readers();
    case Kind::kLfsBatch:
      return lfs_.batch(request, std::move(place), std::move(asked));
    case Kind::kLfsObject:
      return lfs_.object(request, std::move(place), std::move(asked));
    case Kind::kRegistryManifest:
      return registry_.manifest(request, std::move(place), std::move(asked));
    case Kind::kRegistryBlob:
      return registry_.blob(request, std::move(place), std::move(asked));
    case Kind::kUnknown:
      throw not_found();
  }
  throw not_found();
}

Task<bool> Content::keep(hub::EndpointPtr endpoint, hub::Credential credential, hub::FileRef file) {
  Place place{.endpoint = std::move(endpoint),
              .credential = std::move(credential),
              .own_base = {},
              .background = true};
  return files_.keep(std::move(place), std::move(file));
}

/// What a Xet client asks for by a token of ours: it stands for the credentials it was made for,
/// and whoever has those is asked for everything anew.
Task<http::Response> Content::answer_cas(const http::Request& request, Found found) {
  auto asked = CasRoute::parse(found.below.substr(XetRoute::kBelow.size()));
  if (!asked) throw not_found();
  if (asked->kind == CasRoute::Kind::kTelemetry) co_return http::Response{};
  require_reading(request, hub::Route::Kind::kUnknown);
  auto via = via_hubcaches(request, options_.instance_id);
  auto claims = xet_.claims_of(request, *asked);
  http::Request by_its_owner = request;
  by_its_owner.headers.remove("Authorization");
  if (!claims.authorization.empty()) {
    by_its_owner.headers.set("Authorization", claims.authorization);
  }
  if (claims.distribution != found.match->distribution->id) throw not_found();
  if (found.match->distribution->content_guard) co_await require_guard(by_its_owner, found);
  auto place =
      place_of(by_its_owner, found, std::move(via), access::Caller::of(by_its_owner.headers));
  const bool is_of_import =
      place.endpoint->offline && claims.scope == hub::imported_scope(place.endpoint->scope());
  if (is_of_import) place.endpoint = hub::imported_twin(*place.endpoint);
  co_return co_await xet_.answer(request, std::move(place), std::move(claims), *std::move(asked));
}

Task<> Content::require_guard(const http::Request& request, const Found& found) const {
  return services_.guards.require(found.snapshot, *found.match->distribution->content_guard,
                                  request);
}

Place Content::place_of(const http::Request& request, const Found& found, std::string via,
                        const access::Caller& caller) const {
  const auto* remote = found.match->remote;
  if (remote == nullptr) {
    throw Error(Error::Kind::kNotFound,
                "Distribution is not pointing to a publication, repository, repository version, "
                "or remote.");
  }
  const bool streamed = remote->policy == registry::Policy::kStreamed;
  // A password goes into no token, and pages may not send one (Browsers).
  const bool xet = xet_.is_on() && !streamed && caller.kind != access::Caller::Kind::kBasic &&
                   !request.headers.has("Origin");
  return {.endpoint = with_via(remote->endpoint, std::move(via)),
          .credential = access::credential_for(*remote->endpoint, caller, options_.token_key),
          .streamed = streamed,
          .immediate = remote->policy == registry::Policy::kImmediate,
          .own_base = http::public_base(request, options_.public_name) + found.own_path,
          .xet = xet,
          .client = http::client_address(request, options_.public_name),
          .rules = services_.rules.of(found.match->distribution->name),
          .registry = found.snapshot->version(),
          .guarded = found.match->distribution->content_guard.has_value()};
}

}  // namespace hubcache::content
