#include "hubcache/content/document_route.h"

#include <utility>

#include "hubcache/base/http_status.h"
#include "hubcache/content/document_response.h"
#include "hubcache/content/imported_documents.h"
#include "hubcache/content/learned.h"
#include "hubcache/content/paths_info.h"
#include "hubcache/content/rights.h"
#include "hubcache/http/url.h"
#include "hubcache/hub/imported.h"
#include "hubcache/hub/refusal.h"
#include "hubcache/hub/urls.h"

#include "flag.h"
#include "stopwatch.h"

namespace hubcache::content {
namespace {

/// The metadata of gated repos is public, and so is what a disabled one is; of everything else
/// nothing is told (SECURITY 4, contract/hub.md 3.4).
bool is_told_all_the_same(const access::Refusal& refusal, hub::Route::Kind kind) {
  const bool without_reason = refusal.status == http_status::kForbidden && refusal.code.empty();
  return refusal.code == "GatedRepo" || (without_reason && kind == hub::Route::Kind::kInfo);
}

/// The first page of all there is at a commit: whoever asks for it will want the files. With
/// `expand` the pages are short and costly, so that is not the listing to go on with.
bool lists_all(const hub::Route& asked, const http::Request& request) {
  if (asked.kind != hub::Route::Kind::kTree || !asked.file.path.empty()) return false;
  if (!hub::is_commit_id(asked.file.revision)) return false;
  bool recursive = false;
  for (const auto& [name, value] : http::parse_pairs(request.query())) {
    if (name == "cursor" || name == "limit" || (name == "expand" && is_on(value))) return false;
    if (name == "recursive") recursive = is_on(value);
  }
  return recursive;
}

/// It is not for everybody any more, as the Hub has just said, but may be for this caller.
bool is_outdated(const access::Right& right, const hub::Credential& credential,
                 const catalog::Document& document) {
  return right.kind == access::Right::Kind::kPublic && !credential.shared() &&
         hub::is_of_repo(document.status, document.error_code);
}

}  // namespace

Task<http::Response> DocumentRoute::get(const http::Request& request, Place place,
                                        hub::Route asked) {
  const auto right = co_await right_of_repo(services_, place, asked.file.repo);
  if (right.refused() && !is_told_all_the_same(right.refusal, asked.kind)) {
    throw error_of(right.refusal);
  }

  const auto& repo = right.repo;
  if (hub::is_imported(*place.endpoint)) {
    asked.file.repo = repo;
    const auto made = co_await imported_document(services_, request, place, std::move(asked));
    co_return co_await document_response(services_, request, *made, place);
  }
  asked.api_path = hub::api_path_of(std::move(asked.api_path), asked.file.repo, repo);
  asked.file.repo = repo;
  // What is at a commit is good for as long as this is the repo that has it.
  const bool at_commit =
      hub::is_commit_id(asked.file.revision) &&
      co_await services_.catalog.confirms(place.endpoint, repo, asked.file.revision);
  catalog::DocumentRequest wanted{
      .endpoint = place.endpoint,
      .credential = place.credential,
      .repo = repo,
      .query = {.repo = repo, .target = with_query(asked.api_path, request)},
      .kind = right.document_class(),
      .at_commit = at_commit};
  wanted.before_asking = [&budgets = services_.budgets, client = place.client] {
    budgets.take_question(client);
  };
  if (asked.kind == hub::Route::Kind::kPathsInfo) wanted.query.form = paths_info_form(request);
  const Stopwatch stopwatch;
  const auto document = co_await services_.documents.get(wanted, services_.flights);
  const auto waited = stopwatch.elapsed();
  if (document->just_asked) place.rules.require_repo(document->canonical);
  if (is_outdated(right, place.credential, *document)) {
    co_return co_await get(request, std::move(place), std::move(asked));
  }
  // The class of the refused is asked for by nobody's right: this caller has a refusal of its own.
  if (right.refused() && hub::is_of_repo(document->status, document->error_code)) {
    throw error_of(right.refusal);
  }
  if (document->status == 200 && document->canonical == repo) {
    if (document->just_asked) co_await learn(asked, place, *document);
    if (lists_all(asked, request)) follow(std::move(wanted), asked.file.revision, document);
  }
  auto response = co_await document_response(services_, request, *document, place);
  note(*document, waited, response.served);
  co_return response;
}

Task<http::Response> DocumentRoute::auth_check(Place place, hub::Route asked) {
  co_await require_repo(services_, place, std::move(asked.file.repo));
  co_return http::Response{};
}

void DocumentRoute::follow(catalog::DocumentRequest listing, std::string commit,
                           std::shared_ptr<const catalog::Document> first) {
  if (listing.kind == catalog::kRefusedClass) return;
  auto target = listing.query.target;
  services_.manifests.follow({.request = std::move(listing), .commit = std::move(commit)},
                             std::move(target), std::move(first), services_.flights);
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
