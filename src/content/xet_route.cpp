#include "hubcache/content/xet_route.h"

#include <algorithm>
#include <array>
#include <utility>

#include <nlohmann/json.hpp>

#include "hubcache/access/caller.h"
#include "hubcache/base/text.h"
#include "hubcache/content/browsers.h"
#include "hubcache/content/learned.h"
#include "hubcache/content/rights.h"
#include "hubcache/http/multipart.h"
#include "hubcache/hub/refusal.h"
#include "hubcache/hub/urls.h"
#include "hubcache/xet/xorb_body.h"

namespace hubcache::content {
namespace {

using Json = nlohmann::json;
using std::chrono::seconds;

constexpr std::string_view kFileInfo = "application/vnd.xet-fileinfo+json";
constexpr std::string_view kTokenQuery = "t=";
// Clients ask for the next token 30 s or a minute before one ends (contract/hub.md 4.2).
constexpr std::chrono::minutes kShortestToken{2};
constexpr std::uint64_t kReadsWhole = 64UL * 1024 * 1024;

std::string cas_url(const Place& place) { return place.own_base + "/_cas"; }

Error not_found() { return {Error::Kind::kNotFound, "Not Found"}; }

Error no_xet() {
  return {Error::Kind::kNotFound, "hubcache serves these files by plain HTTP, not by Xet"};
}

/// Whose right it is that a token stands for. A caller's own is in the token itself.
std::string right_of(const hub::Credential& credential) {
  return credential.kind == hub::Credential::Kind::kCaller ? "caller" : credential.key;
}

/// A 401 on a reconstruction is final for clients; after a 403 on a xorb they ask for a
/// reconstruction again.
Error refused(CasRoute::Kind kind, const std::string& why) {
  const bool xorb = kind == CasRoute::Kind::kXorb;
  return {xorb ? Error::Kind::kForbidden : Error::Kind::kUnauthorized, why};
}

http::Response json_response(http::Body body) {
  auto response = http::text_response(200, {}, "application/json; charset=utf-8");
  response.headers.set("Cache-Control", "no-store");
  shield(response);
  response.body = std::move(body);
  return response;
}

/// All of it, or so much from its beginning that the rest will follow.
bool reads_whole(http::ByteRange range, std::uint64_t size) {
  return range.offset == 0 && range.length >= std::min(size, kReadsWhole);
}

}  // namespace

std::optional<CasRoute> CasRoute::parse(std::string_view below) {
  struct Form {
    std::string_view prefix;
    Kind kind;
    xet::Format format;
  };
  static constexpr std::array kForms{
      Form{"xorbs/", Kind::kXorb, xet::Format::kV1},
      Form{"v2/reconstructions/", Kind::kReconstruction, xet::Format::kV2},
      Form{"v1/reconstructions/", Kind::kReconstruction, xet::Format::kV1},
      Form{"reconstructions/", Kind::kReconstruction, xet::Format::kV1},
      Form{"reconstruction/", Kind::kReconstruction, xet::Format::kV1}};
  if (below == "v1/telemetry") return CasRoute{.kind = Kind::kTelemetry};
  for (const auto& form : kForms) {
    if (!below.starts_with(form.prefix)) continue;
    auto hash = lower_case(below.substr(form.prefix.size()));
    if (!xet::is_hash(hash)) return std::nullopt;
    return CasRoute{.kind = form.kind, .format = form.format, .hash = std::move(hash)};
  }
  return std::nullopt;
}

bool has_xet(const catalog::Entry& entry) { return entry.lfs && entry.size != 0; }

void offer_xet(const Place& place, const hub::FileRef& file, const catalog::Entry& entry,
               http::Response& response) {
  const auto token = place.own_base +
                     hub::info_path({.repo = file.repo, .revision = {}, .path = {}}) +
                     "/xet-read-token/" + file.revision;
  response.headers.set("X-Xet-Hash", entry.xet);
  response.headers.set("Link", "<" + token + ">; rel=\"xet-auth\", <" + cas_url(place) +
                                   "/v1/reconstructions/" + entry.xet +
                                   ">; rel=\"xet-reconstruction-info\"");
}

bool asks_for_xet(const http::Request& request) {
  const auto accept = request.headers.get("Accept");
  return accept && accept->find(kFileInfo) != std::string_view::npos;
}

http::Response xet_file_info(http::Response response, const catalog::Entry& entry) {
  response.headers.set("Content-Type", kFileInfo);
  response.headers.set("Vary", "Accept");
  response.body = Json{{"hash", entry.xet}, {"size", entry.size}, {"etag", entry.etag}}.dump();
  return response;
}

Task<http::Response> XetRoute::read_token(const http::Request& request, Place place,
                                          std::string distribution, hub::Route asked) {
  if (!place.xet) throw no_xet();
  const auto right =
      co_await require_repo(services_, place, std::move(asked.file.repo), kShortestToken);
  auto commit = co_await commit_of(place, right, std::move(asked.file.revision));
  const auto now = services_.store.clock().now();
  xet::Claims claims{.distribution = std::move(distribution),
                     .scope = place.endpoint->scope(),
                     .repo = right.repo,
                     .commit = std::move(commit),
                     .caller = right_of(place.credential),
                     .issued = now,
                     .expires = std::min<WallTime>(now + xet::Tokens::kLongest, right.until)};
  claims.authorization = request.headers.get("Authorization").value_or("");
  const auto token = tokens_->make(claims);
  const auto expires = std::chrono::floor<seconds>(claims.expires).time_since_epoch().count();
  auto response = json_response(
      Json{{"accessToken", token}, {"exp", expires}, {"casUrl", cas_url(place)}}.dump());
  response.headers.set("X-Xet-Cas-Url", cas_url(place));
  response.headers.set("X-Xet-Access-Token", token);
  response.headers.set("X-Xet-Token-Expiration", std::to_string(expires));
  co_return response;
}

// That the repo has a commit is confirmed when a file of it is asked for.
Task<std::string> XetRoute::commit_of(const Place& place, access::Right right,
                                      std::string revision) {
  if (hub::is_commit_id(revision)) co_return revision;
  hub::Route info{.kind = hub::Route::Kind::kInfo,
                  .file = {.repo = right.repo, .revision = std::move(revision), .path = {}}};
  catalog::DocumentRequest wanted{
      .endpoint = place.endpoint,
      .credential = place.credential,
      .repo = right.repo,
      .query = {.repo = right.repo, .target = hub::info_path(info.file)},
      .kind = right.document_class()};
  const auto document = co_await services_.documents.get(std::move(wanted), services_.flights);
  if (document->status != 200) {
    throw hub::refusal_of(document->status, document->error_code, document->error_message, {});
  }
  const auto told = commits_told(info, document->body);
  if (told.empty() || !hub::is_commit_id(told.front().second)) throw not_found();
  co_return told.front().second;
}

xet::Claims XetRoute::claims_of(const http::Request& request, const CasRoute& asked) const {
  std::string token;
  if (asked.kind == CasRoute::Kind::kXorb) {
    const auto query = request.query();
    if (query.starts_with(kTokenQuery)) token = query.substr(kTokenQuery.size());
  } else {
    token = access::Caller::of(request.headers).token;
  }
  auto claims = tokens_->read(token, services_.store.clock().now());
  const bool of_xorb = claims && !claims->path.empty();
  if (!claims || of_xorb != (asked.kind == CasRoute::Kind::kXorb)) {
    throw refused(asked.kind, "The token is not one of hubcache's, or has expired");
  }
  return *std::move(claims);
}

Task<http::Response> XetRoute::answer(const http::Request& request, Place place, xet::Claims claims,
                                      CasRoute asked) {
  const bool holds = place.xet && claims.scope == place.endpoint->scope() &&
                     claims.caller == right_of(place.credential);
  if (!holds) throw refused(asked.kind, "The token was for what is not served here any more");
  if (asked.kind == CasRoute::Kind::kXorb) {
    co_return co_await xorb(request, std::move(place), std::move(claims), std::move(asked.hash));
  }
  co_return co_await reconstruct(request, std::move(place), std::move(claims), std::move(asked));
}

Task<http::Response> XetRoute::reconstruct(const http::Request& request, Place place,
                                           xet::Claims claims, CasRoute asked) {
  const auto right = co_await require_repo(services_, place, claims.repo);
  auto path = co_await services_.catalog.path_of_xet(place.endpoint, place.credential, right.repo,
                                                     claims.commit, asked.hash,
                                                     right.document_class(), services_.flights);
  if (!path) throw not_found();
  claims.path = *std::move(path);
  auto file = co_await look_at(place, claims, claims.path);
  if (file.generation >= claims.issued.time_since_epoch().count()) {
    throw refused(asked.kind, "A download of this file was corrupt: start again");
  }
  http::Response scratch;
  const auto plan = http::apply_conditions(request, "", file.upstream.size, scratch);
  if (plan.status >= 300) co_return scratch;
  auto range = plan.range;
  if (!plan.parts.empty()) range = {.offset = 0, .length = file.upstream.size};
  claims.whole = reads_whole(range, file.upstream.size);

  const xet::Layout layout(file.upstream.size);
  const auto hash_of = [id = file.xet, generation = file.generation](std::uint64_t xorb) {
    return xet::xorb_hash(id, xorb, generation);
  };
  auto url_of = [cas = cas_url(place), claims = std::move(claims), tokens = tokens_](
                    std::uint64_t xorb, const std::string& hash) mutable {
    claims.xorb = xorb;
    return cas + "/xorbs/" + hash + "?t=" + tokens->make(claims);
  };
  co_return json_response(xet::reconstruction(layout, range, asked.format,
                                              {.hash_of = hash_of, .url_of = std::move(url_of)}));
}

Task<http::Response> XetRoute::xorb(const http::Request& request, Place place, xet::Claims claims,
                                    std::string hash) {
  auto file = co_await look_at(std::move(place), claims, claims.path);
  const bool current = hash == xet::xorb_hash(file.xet, claims.xorb, file.generation) &&
                       file.generation < claims.issued.time_since_epoch().count();
  if (!current) {
    throw refused(CasRoute::Kind::kXorb, "The file is another one by now, or was corrupt");
  }
  const auto size = xet::Layout(file.upstream.size).packed_size(claims.xorb);
  http::Response response;
  response.headers.add("Content-Type", "application/octet-stream");
  shield(response);
  const auto plan = http::apply_conditions(request, "", size, response);
  if (request.is_head() || plan.status >= 300) co_return response;
  auto served = std::make_shared<http::Served>();
  auto open_part = [this, file, claims, served](http::RangePlan part) {
    return open(file, claims, std::move(part), served);
  };
  response = co_await http::with_body(std::move(response), plan, size, std::move(open_part));
  response.served = *served;
  co_return response;
}

Task<XetRoute::File> XetRoute::look_at(Place place, xet::Claims claims, std::string path) {
  hub::Probe probe(services_.flights, place.endpoint, place.credential,
                   {.repo = claims.repo, .revision = claims.commit, .path = std::move(path)});
  const auto right = co_await require_read(services_, place, probe);
  const auto commit = co_await services_.catalog.commit(probe);
  const auto entry =
      co_await services_.catalog.entry(probe, commit, right.document_class(), services_.flights);
  if (!entry || !has_xet(*entry)) throw not_found();
  place.rules.require_file(probe.file(), entry->size);
  File file{.upstream = {.endpoint = place.endpoint,
                         .credential = probe.credential(),
                         .file = probe.file(),
                         .location = entry->location,
                         .digest = entry->digest,
                         .size = entry->size,
                         .client = place.client},
            .xet = entry->xet};
  file.upstream.file.revision = commit.id;
  const auto bad = services_.store.bad_since(place.endpoint->origin_key(), *entry->digest);
  if (bad) file.generation = bad->time_since_epoch().count();
  co_return file;
}

Task<http::Body> XetRoute::open(File file, xet::Claims claims, http::RangePlan part,
                                std::shared_ptr<http::Served> served) {
  const xet::Layout layout(file.upstream.size);
  const auto data = xet::Layout::data_of(claims.xorb, part.range);
  http::Body body;
  if (data.length > 0) {
    const auto manner = claims.whole ? Manner::kXetWhole : Manner::kXet;
    const http::RangePlan plan{
        .status = 206, .range = data, .open_ended = data.end() == file.upstream.size};
    body = co_await bytes_.open(std::move(file.upstream), manner, plan, *served);
  }
  co_return std::make_unique<xet::XorbBody>(layout, claims.xorb, part.range, std::move(body));
}

}  // namespace hubcache::content
