#include "hubcache/catalog/documents.h"

#include <array>
#include <exception>
#include <utility>

#include "hubcache/base/error.h"

namespace hubcache::catalog {
namespace {

constexpr std::array kMigrations{db::Migration{
    .number = 310,
    .name = "catalog: documents",
    .sql = "CREATE TABLE documents (key TEXT PRIMARY KEY, at INTEGER NOT NULL, content_type TEXT "
           "NOT NULL, etag TEXT NOT NULL, link TEXT NOT NULL, revision TEXT NOT NULL, total_count "
           "TEXT NOT NULL, body TEXT NOT NULL) STRICT;"}};

bool can_be_waited_out(const Error& error) {
  return error.kind() == Error::Kind::kUpstream || error.kind() == Error::Kind::kUpstreamTimeout ||
         error.kind() == Error::Kind::kTooManyRequests;
}

/// Digests are masked for callers who may not read the repo (SECURITY 4): then this is not what the
/// granted are shown, whatever their grant says.
bool is_masked(std::string_view body) {
  static constexpr std::string_view kMask =
      "****************************************************************";
  return body.find(kMask) != std::string_view::npos;
}

/// What callers without a grant share is asked for by nobody's right, so that it holds nothing that
/// was meant for one of them.
hub::Credential credential_for(hub::Credential caller, std::string_view kind) {
  if (caller.shared() || kind == "granted") return caller;
  return {.kind = hub::Credential::Kind::kAnonymous, .token = {}, .key = "anonymous"};
}

}  // namespace

std::span<const db::Migration> document_migrations() { return kMigrations; }

Documents::Documents(db::Database& database, Options options, const Clock& clock)
    : database_(database), options_(options), clock_(clock) {}

Task<Document> Documents::get(hub::EndpointPtr endpoint, hub::Credential credential,
                              hub::RepoId repo, std::string target, std::string_view kind,
                              bool at_commit, hub::Flights& flights) {
  std::string key = endpoint->scope() + '\n' + repo.key() + '\n' + target + '\n';
  key += kind;
  auto known = co_await recall(key);
  const auto now = clock_.now();
  if (known && (at_commit || (known->at <= now && now - known->at < options_.ttl))) {
    co_return std::move(known->document);
  }
  std::shared_ptr<const hub::DocumentAnswer> answer;
  std::exception_ptr trouble;
  try {
    answer =
        co_await flights.document(std::move(endpoint), credential_for(std::move(credential), kind),
                                  std::move(repo), std::move(target));
  } catch (const Error&) {
    trouble = std::current_exception();
  }
  if (trouble) {
    auto error = Error::from(trouble);
    if (!known || !can_be_waited_out(error)) throw error;
    known->document.stale = true;
    co_return std::move(known->document);
  }
  const bool as_promised = kind != "granted" || !is_masked(answer->body);
  if (answer->status == 200 && as_promised) keep(std::move(key), *answer);
  Document document;
  static_cast<hub::DocumentAnswer&>(document) = *answer;
  co_return document;
}

Task<std::optional<Documents::Row>> Documents::recall(std::string key) {
  auto query = [key = std::move(key)](db::Connection& sql) -> std::optional<Row> {
    auto rows = sql.query(
        "SELECT at, content_type, etag, link, revision, total_count, body FROM documents "
        "WHERE key = ?1",
        key);
    if (!rows.step()) return std::nullopt;
    Row row;
    row.at = WallTime(std::chrono::milliseconds(rows.integer(0)));
    row.document.status = 200;
    row.document.content_type = rows.text(1);
    row.document.etag = rows.text(2);
    row.document.link = rows.text(3);
    row.document.commit = rows.text(4);
    row.document.total_count = rows.text(5);
    row.document.body = rows.text(6);
    return row;
  };
  co_return co_await database_.read(std::move(query));
}

void Documents::keep(std::string key, const hub::DocumentAnswer& answer) {
  auto change = [key = std::move(key), answer,
                 at = clock_.now().time_since_epoch().count()](db::Connection& sql) {
    sql.run(
        "INSERT OR REPLACE INTO documents (key, at, content_type, etag, link, revision, "
        "total_count, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        key, at, answer.content_type, answer.etag, answer.link, answer.commit, answer.total_count,
        answer.body);
  };
  database_.write_soon(std::move(change));
}

}  // namespace hubcache::catalog
