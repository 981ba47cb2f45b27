#include "hubcache/content/document_route.h"

#include <memory>
#include <utility>

#include "hubcache/content/document_response.h"
#include "hubcache/content/learned.h"
#include "hubcache/content/paths_info.h"
#include "hubcache/hub/refusal.h"

namespace hubcache::content {
namespace {

Error error_of(const access::Refusal& refusal) {
  return hub::refusal_of(refusal.status, refusal.code, refusal.message, {});
}

}  // namespace

Task<http::Response> DocumentRoute::get(const http::Request& request, Place place,
                                        hub::Route asked) {
  const auto& repo = asked.file.repo;
  const auto right = co_await services_.access.right_of_repo(place.endpoint, place.credential, repo,
                                                             services_.flights);
  // The metadata of gated repos is public; of everything else nothing is told (SECURITY 4).
  if (right.refused() && right.refusal.code != "GatedRepo") throw error_of(right.refusal);

  hub::DocumentQuery query{.repo = repo, .target = with_query(asked.api_path, request)};
  if (asked.kind == hub::Route::Kind::kPathsInfo) query.form = paths_info_form(request);
  const auto document =
      co_await services_.documents.get({.endpoint = place.endpoint,
                                        .credential = place.credential,
                                        .repo = repo,
                                        .query = std::move(query),
                                        .kind = right.document_class(),
                                        .at_commit = hub::is_commit_id(asked.file.revision)},
                                       services_.flights);
  if (document->just_asked && document->status == 200) co_await learn(asked, place, *document);
  auto response = document_response(request, *document, place);
  if (document->stale) response.served.cache = "stale";
  if (!document->just_asked && !document->stale) response.served.cache = "hit";
  co_return response;
}

Task<http::Response> DocumentRoute::auth_check(Place place, hub::Route asked) {
  const auto right = co_await services_.access.right_of_repo(place.endpoint, place.credential,
                                                             asked.file.repo, services_.flights);
  if (right.refused()) throw error_of(right.refusal);
  co_return http::Response{};
}

// Whoever resolves a branch next, by whatever route, needs not ask for it again
// (contract/hub.md 10).
Task<> DocumentRoute::learn(const hub::Route& asked, const Place& place,
                            const catalog::Document& document) {
  for (auto& [revision, commit] : commits_told(asked, document.body)) {
    co_await services_.catalog.learn_commit(place.endpoint, asked.file.repo, std::move(revision),
                                            std::move(commit));
  }
}

}  // namespace hubcache::content
