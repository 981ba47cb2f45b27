#include "hubcache/catalog/documents.h"

#include <array>
#include <exception>
#include <mutex>
#include <utility>

#include "hubcache/base/digest.h"
#include "hubcache/base/error.h"
#include "hubcache/base/http_status.h"
#include "hubcache/base/sha256.h"
#include "hubcache/catalog/metadata_limit.h"

#include "hub_answers.h"

namespace hubcache::catalog {
namespace {

using std::chrono::milliseconds;

constexpr std::array kDocumentMigrations{
    db::Migration{
        .number = 310,
        .name = "catalog: documents",
        .sql = "CREATE TABLE documents (key TEXT PRIMARY KEY, at INTEGER NOT NULL, status INTEGER "
               "NOT NULL, code TEXT NOT NULL, message TEXT NOT NULL, content_type TEXT NOT NULL, "
               "etag TEXT NOT NULL, link TEXT NOT NULL, revision TEXT NOT NULL, total_count TEXT "
               "NOT NULL, body TEXT NOT NULL) STRICT;"},
    db::Migration{
        .number = 311,
        .name = "catalog: documents that were used longest ago go",
        .sql =
            "ALTER TABLE documents ADD COLUMN used INTEGER NOT NULL DEFAULT 0; "
            "UPDATE documents SET used = at; CREATE INDEX documents_by_use ON documents (used);"}};

/// How exactly it is known when a document was used last.
constexpr std::chrono::hours kUseNoted{1};

/// As many documents there is room for, however long they are.
constexpr std::uint64_t kFewest = 16;

/// Digests are masked for callers who may not read the repo (SECURITY 4): then this is not what
/// others are shown, whatever is still known of their right.
bool is_masked(std::string_view body) {
  static constexpr std::string_view kMask =
      "****************************************************************";
  return body.find(kMask) != std::string_view::npos;
}

/// What callers without a grant share is asked for by nobody's right, so that it holds nothing that
/// was meant for one of them.
hub::Credential credential_for(hub::Credential caller, std::string_view kind) {
  if (caller.shared() || kind == "granted") return caller;
  return hub::Credential::anonymous();
}

/// A form may be long: its digest stands for it.
std::string key_of(const DocumentRequest& request) {
  std::string key = request.endpoint->scope() + '\n' + request.repo.key() + '\n';
  (key += request.query.target) += '\n';
  if (const auto& form = request.query.form; !form.empty()) key += sha256_of(form).hex();
  if (const auto& agent = request.query.agent; !agent.empty()) (key += '\n') += agent;
  return (key += '\n') += request.kind;
}

/// Absences are told by the very word of the Hub only, which names the commit it looked at
/// (SECURITY 13). That a repo has lost a commit it had is not for ever.
bool is_for_keeps(const hub::DocumentAnswer& answer, const std::string& target, bool at_commit) {
  if (answer.status == http_status::kOk) return true;
  if (answer.status != http_status::kNotFound) return false;
  if (answer.error_code == "RevisionNotFound") return !at_commit;
  if (answer.error_code != "EntryNotFound" || answer.commit.empty()) return false;
  return !at_commit || target.find('/' + answer.commit) != std::string::npos;
}

}  // namespace

std::span<const db::Migration> document_migrations() { return kDocumentMigrations; }

SharedText with_room(std::string text, const std::shared_ptr<MemoryRoom>& room) {
  MemoryRoom::Share share(room);
  if (!share.grow_to(text.size())) {
    throw Error(Error::Kind::kUnavailable, "too many large documents at a time");
  }
  return {std::move(text), std::move(share)};
}

/// Finds texts that somebody holds. Callable from any thread.
class Documents::Texts {
 public:
  /// The one that was written to the row of `key` at that time; nullopt: nobody holds it.
  std::optional<SharedText> find(const std::string& key, WallTime at) {
    const std::scoped_lock lock(mutex_);
    const auto* held = held_.find(key);
    SharedText text;
    if (held == nullptr || held->at != at || !held->text.lock(text)) return std::nullopt;
    return text;
  }
  void put(std::string key, WallTime at, const SharedText& text) {
    const std::scoped_lock lock(mutex_);
    held_.put(std::move(key), {.text = SharedText::Weak(text), .at = at});
  }

 private:
  struct Held {
    SharedText::Weak text;
    WallTime at{};
  };
  static constexpr std::size_t kMost = 4'096;
  std::mutex mutex_;
  Lru<Held> held_{kMost};
};

Documents::Documents(Workers& workers, db::Database& database, Options options, const Clock& clock)
    : workers_(workers),
      database_(database),
      options_(std::move(options)),
      clock_(clock),
      large_(std::make_shared<Texts>()) {
  for (std::size_t i = 0; i < workers.size(); ++i) {
    memory_.push_back(std::make_unique<Lru<Known>>(options_.remembered));
  }
}

Task<std::shared_ptr<const Document>> Documents::get(DocumentRequest request,
                                                     hub::Flights& flights) {
  auto key = key_of(request);
  const auto known = co_await recall(key, request.at_commit);
  if (known.document && fresh(known, request.at_commit)) co_return known.document;
  auto document = std::make_shared<Document>();
  const auto patience = known.document ? hub::Patience::kNone : hub::Patience::kWait;
  std::exception_ptr trouble;
  try {
    if (request.before_asking) request.before_asking();
    auto credential = credential_for(std::move(request.credential), request.kind);
    const auto answer = co_await flights.document(std::move(request.endpoint),
                                                  std::move(credential), request.query, patience);
    static_cast<hub::DocumentAnswer&>(*document) = *answer;
  } catch (const Error&) {
    trouble = std::current_exception();
  }
  if (trouble) {
    auto error = Error::from(trouble);
    if (!known.document || !can_be_waited_out(error)) throw error;
    *document = *known.document;
    document->stale = true;
    co_return document;
  }
  const bool of_repo = document->canonical == request.repo;
  const bool as_promised = request.kind == kRefusedClass || !is_masked(document->body);
  if (is_for_keeps(*document, request.query.target, request.at_commit) && as_promised && of_repo) {
    co_await keep(std::move(key), {.document = std::make_shared<Document>(*document),
                                   .at = clock_.now(),
                                   .used = clock_.now()});
  }
  document->just_asked = true;
  co_return document;
}

bool Documents::fresh(const Known& known, bool at_commit) const {
  const auto now = clock_.now();
  return at_commit || (known.at <= now && now - known.at < options_.ttl);
}

/// From memory while that is fresh: another worker may have written a newer one since.
Task<Documents::Known> Documents::recall(std::string key, bool at_commit) {
  auto* remembered = memory_[workers_.current()]->find(key);
  if (remembered != nullptr && fresh(*remembered, at_commit)) {
    note_use(key, *remembered);
    co_return *remembered;
  }
  auto query = [key, large = large_, room = options_.room](db::Connection& sql) -> Known {
    auto rows = sql.query(
        "SELECT at, status, code, message, content_type, etag, link, revision, total_count, used, "
        "body FROM documents WHERE key = ?1",
        key);
    if (!rows.step()) return {};
    const WallTime at{milliseconds(rows.integer(0))};
    auto document = std::make_shared<Document>();
    document->status = static_cast<int>(rows.integer(1));
    document->error_code = rows.text(2);
    document->error_message = rows.text(3);
    document->content_type = rows.text(4);
    document->etag = rows.text(5);
    document->link = rows.text(6);
    document->commit = rows.text(7);
    document->total_count = rows.text(8);
    if (auto held = large->find(key, at)) {
      document->body = *std::move(held);
    } else {
      document->body = with_room(rows.text(10), room);
      large->put(key, at, document->body);
    }
    return {
        .document = std::move(document), .at = at, .used = WallTime(milliseconds(rows.integer(9)))};
  };
  auto known = co_await database_.read(std::move(query));
  if (known.document) {
    note_use(key, known);
    remember(std::move(key), known);
  }
  co_return known;
}

void Documents::note_use(const std::string& key, Known& known) {
  const auto now = clock_.now();
  if (now - known.used < kUseNoted) return;
  known.used = now;
  auto change = [key, now](db::Connection& sql) {
    sql.run("UPDATE documents SET used = ?2 WHERE key = ?1", key, now.time_since_epoch().count());
  };
  database_.write_soon(std::move(change));
}

/// What memory does not hold is in its row on return, if there is room for it: nobody asks the Hub
/// for it meanwhile.
Task<> Documents::keep(std::string key, Known known) {
  remember(key, known);
  const bool large = is_large(known.document->body);
  large_->put(key, known.at, known.document->body);
  auto change = [key = std::move(key), known = std::move(known), most = options_.max_metadata,
                 disk_is_full = options_.disk_is_full](db::Connection& sql) {
    const auto& document = *known.document;
    const auto size = document.body.size();
    // What is kept of it is older. Where it was there is room.
    const bool fits_there =
        sql.run("DELETE FROM documents WHERE key = ?1 AND length(CAST(body AS BLOB)) >= ?2", key,
                static_cast<std::int64_t>(size)) > 0;
    sql.run("DELETE FROM documents WHERE key = ?1", key);
    if (size > most / kFewest || !has_room(sql, most)) return;
    if (!fits_there && !has_pages(sql, disk_is_full, size)) return;
    sql.run(
        "INSERT INTO documents (key, at, status, code, message, content_type, etag, "
        "link, revision, total_count, body, used) "
        "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?2)",
        key, known.at.time_since_epoch().count(), document.status, document.error_code,
        document.error_message, document.content_type, document.etag, document.link,
        document.commit, document.total_count, std::string_view(document.body));
  };
  if (large) {
    try {
      co_await database_.write(std::move(change));
    } catch (const Error& error) {
      if (!is_of_disk(error.kind())) throw;  // what cannot be kept is served all the same
    }
  } else {
    database_.write_soon(std::move(change));
  }
}

void Documents::remember(std::string key, Known known) {
  auto& memory = *memory_[workers_.current()];
  if (is_large(known.document->body)) {
    memory.erase(key);  // what is remembered of it is older
  } else {
    memory.put(std::move(key), std::move(known));
  }
}

}  // namespace hubcache::catalog
