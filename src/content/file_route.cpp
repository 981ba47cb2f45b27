#include "hubcache/content/file_route.h"

#include <memory>
#include <optional>
#include <utility>

#include "hubcache/content/browsers.h"
#include "hubcache/content/errors.h"
#include "hubcache/content/lfs_pointer.h"
#include "hubcache/content/rights.h"
#include "hubcache/content/want_digest.h"
#include "hubcache/content/xet_route.h"
#include "hubcache/http/multipart.h"
#include "hubcache/hub/refusal.h"

#include "file_response.h"
#include "stopwatch.h"

namespace hubcache::content {
namespace {

/// The Hub's own answer for a path that a commit does not have (contract/hub.md 3.4).
Error entry_not_found(const catalog::Commit& commit) {
  return hub::refusal_of(404, "EntryNotFound", "Entry not found", commit.id);
}

Task<http::Body> part_of(std::string text, http::RangePlan plan) {
  co_return text.substr(plan.range.offset, plan.range.length);
}

Task<http::Response> pointer_response(const http::Request& request, const catalog::Entry& entry,
                                      const catalog::Commit& commit, const hub::FileRef& file) {
  const auto pointer = lfs_pointer(entry.etag, entry.size);
  const catalog::Entry in_git{.etag = git_digest(pointer).hex(), .size = pointer.size()};
  auto response = file_response(in_git, commit.id, file.path);
  const auto plan =
      http::apply_conditions(request, '"' + in_git.etag + '"', pointer.size(), response);
  if (request.is_head() || plan.status >= 300) co_return response;
  auto open = [pointer](http::RangePlan part) { return part_of(pointer, std::move(part)); };
  co_return co_await http::with_body(std::move(response), plan, pointer.size(), std::move(open));
}

}  // namespace

Task<http::Response> FileRoute::get(const http::Request& request, Place place, hub::Route asked) {
  try {
    co_return co_await answer(request, place, asked);
  } catch (const Error& error) {
    if (!is_of_the_past(error, place.credential)) throw;
  }
  co_return co_await answer(request, place, asked);
}

Task<http::Response> FileRoute::answer(const http::Request& request, const Place& place,
                                       const hub::Route& asked) {
  hub::Probe probe(services_.flights, place.endpoint, place.credential, asked.file);
  auto found = found_at_once(probe);
  if (!found) found = co_await find(probe, place, asked.kind);
  const auto& [right, commit, entry, waited, row] = *found;
  const auto& file = probe.file();
  const bool lasts = asked.kind == hub::Route::Kind::kResolve && file.repo == asked.file.repo &&
                     right.kind == access::Right::Kind::kPublic && !right.stale && !commit.stale;
  place.rules.require_file(file, entry->size);
  const bool is_for_others = right.kind == access::Right::Kind::kPublic ||
                             place.credential.kind == hub::Credential::Kind::kRemote;
  if (place.immediate && is_for_others && !commit.stale) {
    services_.prefetch(*place.endpoint, file.repo, commit.id);
  }
  if (asked.kind == hub::Route::Kind::kRaw && entry->lfs) {
    co_return co_await pointer_response(request, *entry, commit, file);
  }

  auto response = file_response(*entry, commit.id, file.path);
  add_digest(request, entry->digest, response);
  const bool is_asked = place.xet && (request.is_head() || asks_for_xet(request));
  const bool is_offerable = has_xet(*entry) && right.kind != access::Right::Kind::kFile;
  if (is_asked && is_offerable && co_await can_be_checked(place.endpoint, file.repo, entry, row)) {
    offer_xet(place, {.repo = file.repo, .revision = commit.id, .path = {}}, *entry, response);
    if (!request.is_head()) co_return xet_file_info(std::move(response), *entry);
  }
  const auto plan = http::apply_conditions(request, '"' + entry->etag + '"', entry->size, response);
  if (right.stale || commit.stale) response.served.cache = "stale";
  response.served.upstream = waited;
  const bool has_body = !request.is_head() && plan.status < 300 && entry->size != 0;
  auto stored = has_body ? bytes_.at_once(*place.endpoint, file.repo, *entry, plan, response.served)
                         : std::nullopt;
  const bool is_complete = stored || !has_body;
  if (stored) response.body = *std::move(stored);
  const WarmFiles::Source source{.place = place, .file = file, .commit = commit.id, .entry = entry};
  if (is_complete && lasts) warm_.keep(request, source, response);
  if (is_complete) co_return response;

  UpstreamFile upstream{.endpoint = place.endpoint,
                        .credential = probe.credential(),
                        .file = {.repo = file.repo, .revision = commit.id, .path = file.path},
                        .location = entry->location,
                        .digest = entry->digest,
                        .size = entry->size,
                        .client = place.client,
                        .background = place.background};
  const auto manner = place.streamed ? Manner::kStreamed : Manner::kPlain;
  if (plan.parts.empty()) {
    response.body = co_await bytes_.open(std::move(upstream), manner, plan, response.served, row);
    if (lasts) warm_.keep_stored(request, source, response);
    co_return response;
  }
  auto served = std::make_shared<http::Served>(response.served);
  auto open = [this, upstream, manner, served](http::RangePlan part) {
    return open_part(upstream, manner, std::move(part), served);
  };
  response = co_await http::with_body(std::move(response), plan, entry->size, std::move(open));
  response.served = *served;
  co_return response;
}

/// As this worker remembers it, without a coroutine: those are most of what a warm hit costs.
std::optional<FileRoute::Found> FileRoute::found_at_once(hub::Probe& probe) {
  auto right = services_.access.right_at_once(probe);
  if (!right) return std::nullopt;
  auto commit = services_.catalog.commit_at_once(probe);
  if (!commit) return std::nullopt;
  auto entry = services_.catalog.entry_at_once(probe, *commit);
  if (!entry) return std::nullopt;
  return Found{.right = *std::move(right), .commit = *std::move(commit), .entry = std::move(entry)};
}

Task<FileRoute::Found> FileRoute::find(hub::Probe& probe, const Place& place,
                                       hub::Route::Kind kind) {
  const Stopwatch stopwatch;
  Found found;
  found.right = co_await require_right(probe, place, kind);
  found.commit = co_await services_.catalog.commit(probe);
  co_await find_entry(probe, found);
  if (!found.entry) throw entry_not_found(found.commit);
  found.waited = waited_for_hub(probe, stopwatch);
  co_return found;
}

/// With what will be asked of its bytes: each read of the database by itself is a way to another
/// thread and back.
Task<> FileRoute::find_entry(hub::Probe& probe, Found& found) {
  struct Rows {
    std::string proof;
    bool is_proven = false;
    std::optional<store::BlobRow> blob;
  };
  auto rows = std::make_shared<Rows>();
  auto read_rows = [rows, origin = probe.endpoint()->origin_key(), repo = probe.file().repo.key()](
                       db::Connection& sql, const catalog::Entry& entry) {
    if (!entry.digest) return;
    rows->proof = access::Proofs::key_of(origin, repo, *entry.digest);
    rows->is_proven = access::Proofs::has_proof(sql, rows->proof);
    rows->blob = store::Store::row_of(sql, *entry.digest);
  };
  found.entry = co_await services_.catalog.entry(probe, found.commit, found.right.document_class(),
                                                 services_.flights, std::move(read_rows));
  if (rows->is_proven) services_.proofs.remember(std::move(rows->proof));
  found.row = rows->blob;
}

/// What cannot be stored is checked on its way through by plain HTTP alone, where the end of it
/// waits. So by Xet it is not offered, unless it is here, or on its way, by this very repo: of
/// others' that is not told (SECURITY 10).
Task<bool> FileRoute::can_be_checked(hub::EndpointPtr endpoint, hub::RepoId repo,
                                     catalog::EntryPtr entry, std::optional<store::BlobRow> row) {
  const auto& digest = *entry->digest;
  const std::string origin = endpoint->origin_key();
  const std::string key = repo.key();
  const auto proof = access::Proofs::key_of(origin, key, digest);
  const bool is_proven = services_.proofs.is_remembered(proof);
  if (is_proven && services_.blobs.find(digest)) co_return true;
  const bool is_stored = row && row->state == store::BlobState::kStored;
  try {
    // Opened, it is known the next time; and it will be read.
    if (is_proven && is_stored && co_await services_.blobs.open(digest, row)) co_return true;
    if (co_await services_.store.room(entry->size) == entry->size) co_return true;
    if (co_await services_.proofs.is_proven(origin, key, digest)) {
      co_return co_await services_.store.contains(digest);
    }
    if (co_await services_.fills.source_repo(origin, digest) != key) co_return false;
    co_return co_await services_.fills.present(origin, digest);
  } catch (const Error& error) {
    services_.log.warn("whether a file is stored cannot be told",
                       {{"digest", digest.text()}, {"context", error.context()}});
  }
  co_return false;
}

Task<bool> FileRoute::keep(Place place, hub::FileRef file) {
  const http::Request whole;
  hub::Route asked{.kind = hub::Route::Kind::kResolve, .file = std::move(file)};
  auto response = co_await get(whole, std::move(place), std::move(asked));
  if (response.served.cache == "pass") co_return false;
  auto* bytes = std::get_if<std::unique_ptr<http::SpanSource>>(&response.body);
  if (bytes == nullptr) co_return true;  // it is stored, or empty
  std::uint64_t left = (*bytes)->size().value();
  while (left > 0) {
    const auto span = co_await (*bytes)->next();
    left -= http::length_of(span);
  }
  co_return true;
}

/// The few files of a gated repo that are open to all are so by `resolve` alone
/// (contract/hub.md 10).
Task<access::Right> FileRoute::require_right(hub::Probe& probe, const Place& place,
                                             hub::Route::Kind kind) {
  const auto right = co_await require_read(services_, place, probe);
  if (kind != hub::Route::Kind::kRaw || right.kind != access::Right::Kind::kFile) co_return right;
  co_return co_await require_repo(services_, place, probe.file().repo);
}

Task<http::Response> FileRoute::get_from_bucket(const http::Request& request, Place place,
                                                hub::FileRef file) {
  hub::Probe probe(services_.flights, place.endpoint, place.credential, file);
  const Stopwatch stopwatch;
  const auto answer = co_await probe.head();
  if (!answer->found()) {
    throw hub::refusal_of(answer->status, answer->error_code, answer->error_message, {});
  }
  place.rules.require_file({.repo = answer->canonical, .path = file.path}, answer->size);
  auto response = file_response("application/octet-stream", file.path);
  const std::string etag = answer->etag.empty() ? std::string() : '"' + answer->etag + '"';
  if (!etag.empty()) response.headers.add("ETag", etag);
  const auto plan = http::apply_conditions(request, etag, answer->size, response);
  response.served = {.cache = "pass", .upstream = stopwatch.elapsed()};
  if (request.is_head() || plan.status >= 300 || answer->size == 0) co_return response;
  UpstreamFile upstream{.endpoint = place.endpoint,
                        .credential = place.credential,
                        .file = std::move(file),
                        .location = answer->location,
                        .digest = std::nullopt,
                        .size = answer->size,
                        .client = place.client};
  auto open = [this, upstream](http::RangePlan part) {
    return bytes_.pass(upstream, std::move(part));
  };
  co_return co_await http::with_body(std::move(response), plan, answer->size, std::move(open));
}

Task<http::Body> FileRoute::open_part(UpstreamFile file, Manner manner, http::RangePlan plan,
                                      std::shared_ptr<http::Served> served) {
  co_return co_await bytes_.open(std::move(file), manner, std::move(plan), *served);
}

}  // namespace hubcache::content
