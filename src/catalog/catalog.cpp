#include "hubcache/catalog/catalog.h"

#include <array>
#include <exception>
#include <utility>

#include <boost/asio/post.hpp>

#include "hubcache/base/error.h"
#include "hubcache/base/http_status.h"
#include "hubcache/base/joined.h"
#include "hubcache/hub/grammar.h"
#include "hubcache/hub/imported.h"
#include "hubcache/hub/refusal.h"

#include "hub_answers.h"
#include "xet_name.h"

namespace hubcache::catalog {
namespace {

using std::chrono::milliseconds;

constexpr std::array kCatalogMigrations{
    db::Migration{.number = 300,
                  .name = "catalog: commits",
                  .sql = "CREATE TABLE commits (key TEXT PRIMARY KEY, id TEXT NOT NULL, at INTEGER "
                         "NOT NULL) STRICT, WITHOUT ROWID;"},
    db::Migration{.number = 301,
                  .name = "catalog: entries",
                  .sql = "CREATE TABLE entries (key TEXT PRIMARY KEY, present INTEGER NOT NULL, "
                         "etag TEXT NOT NULL, digest INTEGER NOT NULL, size INTEGER NOT NULL, lfs "
                         "INTEGER NOT NULL) STRICT, WITHOUT ROWID;"},
    db::Migration{.number = 302,
                  .name = "catalog: manifests",
                  .sql = "CREATE TABLE manifests (key TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;"},
    // What Xet calls the files is in their manifests: they are read again.
    db::Migration{.number = 303,
                  .name = "catalog: what Xet calls a file",
                  .sql = "DELETE FROM manifests; ALTER TABLE entries ADD COLUMN xet TEXT NOT NULL "
                         "DEFAULT ''; UPDATE entries SET xet = etag WHERE present = 1 AND lfs = 1; "
                         "CREATE INDEX entries_by_xet ON entries (xet, key) WHERE xet <> '';"},
    db::Migration{.number = 304,
                  .name = "catalog: what was used longest ago goes",
                  .sql = "ALTER TABLE commits ADD COLUMN used INTEGER NOT NULL DEFAULT 0; "
                         "UPDATE commits SET used = at; "
                         "CREATE INDEX commits_by_use ON commits (used); "
                         "CREATE TABLE manifest_walks (key TEXT, walk INTEGER, PRIMARY KEY (key, "
                         "walk)) STRICT, WITHOUT ROWID;"}};

/// How exactly it is known when a commit was used last.
constexpr std::chrono::hours kUseInterval{1};

/// `commit`: the key of one (commit_key()).
std::string entry_key(std::string_view commit, std::string_view path) {
  return joined({commit, "\n", path});
}

Entry entry_of(const hub::FileAnswer& answer) {
  Entry entry{.etag = answer.etag, .digest = answer.digest, .size = answer.size};
  entry.lfs = answer.digest && answer.digest->algorithm() == Digest::Algorithm::kSha256;
  if (entry.lfs) entry.xet = xet_name(answer.xet_hash, *answer.digest);
  return entry;
}

/// What the Hub said of the file itself, there or not.
bool is_about_the_entry(const hub::FileAnswer& answer) { return answer.found() || answer.absent(); }

bool is_absent_revision(const hub::FileAnswer& answer) {
  return answer.status == http_status::kNotFound && answer.error_code == "RevisionNotFound";
}

/// The Hub's own answer for a revision that a repo does not have (contract/hub.md 3.4).
Error revision_not_found(const std::string& revision) {
  return hub::refusal_of(404, "RevisionNotFound", "Invalid rev id: " + revision, {});
}

Error refusal_in(const hub::FileAnswer& answer) {
  if (answer.found()) {
    return {Error::Kind::kUpstream, "The Hub did not say which commit the file is at"};
  }
  return hub::refusal_of(answer.status, answer.error_code, answer.error_message, answer.commit);
}

}  // namespace

bool can_be_waited_out(const Error& error) {
  return error.kind() == Error::Kind::kUpstream || error.kind() == Error::Kind::kUpstreamTimeout ||
         error.kind() == Error::Kind::kTooManyRequests;
}

Task<std::shared_ptr<const hub::FileAnswer>> head_unless_usable(hub::Probe& probe, bool usable) {
  std::exception_ptr trouble;
  try {
    co_return co_await probe.head(usable ? hub::Patience::kNone : hub::Patience::kWait);
  } catch (const Error&) {
    trouble = std::current_exception();
  }
  auto error = Error::from(trouble);
  if (usable && can_be_waited_out(error)) co_return nullptr;
  throw error;
}

void require_same_repo(const hub::FileAnswer& answer, const hub::RepoId& repo) {
  if (answer.canonical == repo) return;
  throw Error(Error::Kind::kConflict, "The repo has another name by now");
}

std::span<const db::Migration> catalog_migrations() { return kCatalogMigrations; }

Catalog::Catalog(Workers& workers, db::Database& database, Manifests& manifests, Options options,
                 const Clock& clock)
    : workers_(workers),
      database_(database),
      manifests_(manifests),
      options_(options),
      clock_(clock) {
  for (std::size_t i = 0; i < workers.size(); ++i) {
    shards_.push_back(std::make_shared<Shard>(options_));
  }
}

Task<Commit> Catalog::commit(hub::Probe& probe) {
  const auto& repo = probe.file().repo;
  const std::string& revision = probe.file().revision;
  auto key = commit_key(*probe.endpoint(), repo, revision);
  auto* remembered = here().commits.find(key);
  if (remembered == nullptr) {
    co_await recall_commit(key);
    remembered = here().commits.find(key);  // null: nothing is known of it
  }
  KnownCommit known;
  if (remembered != nullptr) {
    note_use(key, *remembered);
    known = *remembered;
  }
  // What was imported has no age; nobody can be asked for more.
  const bool imported = hub::is_imported(*probe.endpoint());
  if (imported && known.known) co_return commit_in(std::move(known), revision, true);
  if (fresh(known, ttl_of(known, revision))) {
    co_return commit_in(std::move(known), revision, false);
  }

  const bool usable = fresh(known, options_.commit_ttl + options_.stale_commits);
  const auto answer = co_await head_unless_usable(probe, usable);
  if (!answer) co_return commit_in(std::move(known), revision, true);
  // A refusal may name the commit too, for commit ids are public; it confirms nothing.
  const bool by_id = hub::is_commit_id(revision);
  const bool right_one = by_id ? answer->commit == revision : hub::is_commit_id(answer->commit);
  if (is_absent_revision(*answer) && answer->canonical == repo) keep_row(std::move(key), {});
  if (!is_about_the_entry(*answer) || !right_one) throw refusal_in(*answer);
  require_same_repo(*answer, repo);
  keep_commit(*probe.endpoint(), repo, revision, answer->commit);
  keep_entry(commit_key(*probe.endpoint(), repo, answer->commit), probe.file().path, *answer);
  co_return Commit{.id = answer->commit};
}

std::optional<Commit> Catalog::commit_at_once(const hub::Probe& probe) {
  if (hub::is_imported(*probe.endpoint())) return std::nullopt;
  const auto& revision = probe.file().revision;
  const auto* known =
      fresh_commit(commit_key(*probe.endpoint(), probe.file().repo, revision), revision);
  if (known == nullptr) return std::nullopt;
  return Commit{.id = known->id};
}

Catalog::KnownCommit* Catalog::fresh_commit(const std::string& key, const std::string& revision) {
  auto* const known = here().commits.find(key);
  if (known == nullptr || known->id.empty()) return nullptr;
  if (!fresh(*known, ttl_of(*known, revision))) return nullptr;
  note_use(key, *known);
  return known;
}

Catalog::Keys Catalog::keys_of(const hub::Endpoint& endpoint, const hub::RepoId& repo,
                               const std::string& revision, const std::string& commit) {
  return {.revision = revision,
          .commit = commit_key(endpoint, repo, revision),
          .folder = entry_key(commit_key(endpoint, repo, commit), {})};
}

bool Catalog::is_at(const Keys& keys, std::string_view commit) {
  const auto* known = fresh_commit(keys.commit, keys.revision);
  return known != nullptr && known->id == commit;
}

/// Of the revision and of its commit, which the entries belong to.
void Catalog::note_use(const std::string& key, KnownCommit& known) {
  const auto now = clock_.now();
  if (now - known.used < kUseInterval) return;
  known.used = now;
  auto change = [key, id = known.id, now](db::Connection& sql) {
    const auto commit = joined({std::string_view(key).substr(0, key.rfind('\n') + 1), id});
    sql.run("UPDATE commits SET used = ?3 WHERE key IN (?1, ?2)", key, commit,
            now.time_since_epoch().count());
  };
  database_.write_soon(std::move(change));
}

Commit Catalog::commit_in(KnownCommit known, const std::string& revision, bool stale) {
  if (known.id.empty()) throw revision_not_found(revision);
  return {.id = std::move(known.id), .stale = stale};
}

Task<EntryPtr> Catalog::entry(hub::Probe& probe, Commit commit, std::string_view kind,
                              hub::Flights& flights, Also also) {
  const auto& repo = probe.file().repo;
  const std::string at = commit_key(*probe.endpoint(), repo, commit.id);
  auto known = co_await recall_entry(at, probe.file().path, also);
  const bool may_read_all = kind != kRefusedClass && !commit.stale;
  if (!known.known && !probe.head_if_known() && may_read_all) {
    auto wanted = Manifests::tree_at(probe.endpoint(), probe.credential(), repo, commit.id, kind);
    co_await manifests_.walk(std::move(wanted), flights);
    known = co_await recall_entry(at, probe.file().path, std::move(also));
  }
  if (known.known) co_return known.entry;
  const auto answer = co_await ask_at(probe, commit, flights);
  if (!is_about_the_entry(*answer) || answer->commit != commit.id) throw refusal_in(*answer);
  require_same_repo(*answer, repo);
  co_return keep_entry(at, probe.file().path, *answer);
}

EntryPtr Catalog::entry_at_once(const hub::Probe& probe, const Commit& commit) {
  const auto at = commit_key(*probe.endpoint(), probe.file().repo, commit.id);
  const auto* known = here().entries.find(entry_key(at, probe.file().path));
  return known == nullptr ? nullptr : known->entry;
}

std::optional<const Entry*> Catalog::entry_at_once(std::string_view key) {
  const auto* known = here().entries.find(key);
  if (known == nullptr) return std::nullopt;
  return known->entry.get();
}

std::string Catalog::location_of(const hub::Endpoint& endpoint, const hub::FileRef& file) {
  const auto commit = commit_key(endpoint, file.repo, file.revision);
  const auto* location = here().locations.find(entry_key(commit, file.path));
  return location == nullptr ? std::string() : *location;
}

/// The Hub's answer for the probe's path at that commit, from the HEAD that was made if it tells.
Task<std::shared_ptr<const hub::FileAnswer>> Catalog::ask_at(hub::Probe& probe, Commit commit,
                                                             hub::Flights& flights) {
  auto answer = probe.head_if_known();
  // The Hub failed this very probe, or just before: its failure is not waited for twice.
  if (!answer && commit.stale) answer = co_await probe.head();
  if (answer && answer->commit == commit.id && is_about_the_entry(*answer)) co_return answer;
  hub::FileRef file = probe.file();
  file.revision = commit.id;
  co_return co_await flights.head_file(probe.endpoint(), probe.credential(), std::move(file));
}

Task<bool> Catalog::confirms(hub::EndpointPtr endpoint, hub::RepoId repo, std::string commit) {
  const auto known = co_await recall_commit(commit_key(*endpoint, repo, commit));
  co_return fresh(known, options_.commit_ttl) && known.id == commit;
}

Task<> Catalog::learn_commit(hub::EndpointPtr endpoint, hub::RepoId repo, std::string revision,
                             std::string commit) {
  const bool possible =
      hub::is_commit_id(commit) && (!hub::is_commit_id(revision) || revision == commit);
  if (possible) keep_commit(*endpoint, repo, revision, commit);
  co_return;
}

bool Catalog::fresh(const KnownCommit& commit, milliseconds ttl) const {
  const auto now = clock_.now();
  return commit.known && commit.at <= now && now - commit.at < ttl;
}

/// Names move; that a commit is in a repo holds longer.
milliseconds Catalog::ttl_of(const KnownCommit& commit, const std::string& revision) const {
  const bool lasts = hub::is_commit_id(revision) && !commit.id.empty();
  return lasts ? options_.commit_ttl : options_.revision_ttl;
}

Task<Catalog::KnownCommit> Catalog::recall_commit(std::string key) {
  if (const auto* remembered = here().commits.find(key)) co_return *remembered;
  auto query = [key](db::Connection& sql) {
    KnownCommit commit;
    auto rows = sql.query("SELECT id, at, used FROM commits WHERE key = ?1", key);
    if (rows.step()) {
      commit = {.known = true,
                .id = rows.text(0),
                .at = WallTime(milliseconds(rows.integer(1))),
                .used = WallTime(milliseconds(rows.integer(2)))};
    }
    return commit;
  };
  auto commit = co_await database_.read(std::move(query));
  // This worker may have learned a newer one meanwhile.
  if (const auto* newer = here().commits.find(key)) co_return *newer;
  if (commit.known) here().commits.put(std::move(key), commit);
  co_return commit;
}

void Catalog::keep_commit(const hub::Endpoint& endpoint, const hub::RepoId& repo,
                          const std::string& revision, const std::string& commit) {
  keep_row(commit_key(endpoint, repo, revision), commit);
  // Confirmed for this very repo.
  if (revision != commit) keep_row(commit_key(endpoint, repo, commit), commit);
}

void Catalog::keep_row(std::string key, std::string commit) {
  const auto now = clock_.now();
  on_each_worker([key, known = KnownCommit{.known = true, .id = commit, .at = now, .used = now}](
                     Shard& shard) { shard.commits.put(key, known); });
  auto change = [key = std::move(key), commit = std::move(commit), now](db::Connection& sql) {
    sql.run("INSERT OR REPLACE INTO commits (key, id, at, used) VALUES (?1, ?2, ?3, ?3)", key,
            commit, now.time_since_epoch().count());
  };
  database_.write_soon(std::move(change));
}

/// Here at once, on the others as soon as they come to it: before they read the next request of
/// one who has had an answer.
template <typename Change>
void Catalog::on_each_worker(const Change& change) {
  for (std::size_t worker = 0; worker < workers_.size(); ++worker) {
    if (worker == workers_.current()) {
      change(*shards_[worker]);
    } else {
      asio::post(workers_.executor(worker), [shard = shards_[worker], change] { change(*shard); });
    }
  }
}

/// A path without a row is absent when the commit's manifest has been read.
Task<Catalog::KnownEntry> Catalog::recall_entry(std::string commit, std::string path, Also also) {
  std::string key = entry_key(commit, path);
  if (const auto* remembered = here().entries.find(key)) co_return *remembered;
  auto query = [key, commit = std::move(commit), also = std::move(also)](db::Connection& sql) {
    KnownEntry known;
    auto rows =
        sql.query("SELECT present, etag, digest, size, lfs, xet FROM entries WHERE key = ?1", key);
    if (!rows.step()) {
      known.known = sql.query("SELECT 1 FROM manifests WHERE key = ?1", commit).step();
      return known;
    }
    known.known = true;
    if (!rows.boolean(0)) return known;
    Entry entry{.etag = rows.text(1),
                .size = static_cast<std::uint64_t>(rows.integer(3)),
                .lfs = rows.boolean(4),
                .xet = rows.text(5)};
    if (rows.boolean(2)) entry.digest = Digest::from_etag(entry.etag);
    if (also) also(sql, entry);
    known.entry = std::make_shared<const Entry>(std::move(entry));
    return known;
  };
  auto known = co_await database_.read(std::move(query));
  if (known.known) here().entries.put(std::move(key), known);
  co_return known;
}

EntryPtr Catalog::keep_entry(const std::string& commit, const std::string& path,
                             const hub::FileAnswer& answer) {
  std::string key = entry_key(commit, path);
  KnownEntry known{.known = true};
  std::string by_xet;
  if (answer.found()) {
    auto entry = entry_of(answer);
    // Without a digest there is no telling whether a later answer means the same bytes.
    if (!entry.digest) {
      entry.location = answer.location;
      return std::make_shared<const Entry>(std::move(entry));
    }
    if (entry.lfs) by_xet = joined({commit, "\n", entry.xet});
    known.entry = std::make_shared<const Entry>(std::move(entry));
  }
  on_each_worker([key, known, location = answer.location, by_xet, path](Shard& shard) {
    shard.entries.put(key, known);
    if (!location.empty()) shard.locations.put(key, location);
    if (!by_xet.empty()) shard.xet_paths.put(by_xet, path);
  });
  auto change = [key = std::move(key), entry = known.entry](db::Connection& sql) {
    const Entry row = entry ? *entry : Entry{};
    sql.run(
        "INSERT OR REPLACE INTO entries (key, present, etag, digest, size, lfs, xet) "
        "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        key, entry != nullptr, row.etag, row.digest.has_value(),
        static_cast<std::int64_t>(row.size), row.lfs, row.xet);
  };
  database_.write_soon(std::move(change));
  return known.entry;
}

}  // namespace hubcache::catalog
