// How Access remembers: a copy on each worker, rows behind them, the newest decision wins.
#include <algorithm>
#include <array>
#include <utility>

#include "hubcache/access/grants.h"
#include "hubcache/access/known_repo.h"
#include "hubcache/base/joined.h"
#include "hubcache/hub/imported.h"

#include "grant_shard.h"

namespace hubcache::access {
namespace {

using std::chrono::milliseconds;

constexpr std::array kGrantMigrations{db::Migration{
    .number = 450,
    .name = "access: grants",
    .sql = "CREATE TABLE grants (key TEXT PRIMARY KEY, verdict INTEGER NOT NULL, at INTEGER NOT "
           "NULL, status INTEGER NOT NULL, code TEXT NOT NULL, message TEXT NOT NULL, canonical "
           "TEXT NOT NULL) STRICT, WITHOUT ROWID;"
           "CREATE INDEX grants_by_age ON grants (verdict, at);"}};

/// Refusals are no use beyond their time, but an answer on its way must still find them newer.
constexpr std::chrono::minutes kLongestAnswer{10};
constexpr std::int64_t kForgottenAtOnce = 1'000;
constexpr std::size_t kLongestKey = 1'024;  // of more, which clients choose, the row alone is known

/// The least key that does not begin with `key`.
std::string behind(std::string key) {
  ++key.back();
  return key;
}

}  // namespace

std::span<const db::Migration> grant_migrations() { return kGrantMigrations; }

KnownRepo known_repo(db::Connection& sql, std::string_view scope, const hub::RepoId& repo) {
  using Verdict = Access::Verdict;
  KnownRepo known{.canonical = repo};
  auto alias = sql.query(
      "SELECT canonical FROM grants WHERE key >= ?1 AND key < ?2 AND verdict IN (?3, ?4, ?5) "
      "ORDER BY at DESC LIMIT 1",
      joined({scope, "\n", repo.key(), "\n"}), joined({scope, "\n", repo.key(), "\v"}),
      Verdict::kAlias, Verdict::kDocumentsAlias, Verdict::kImportedAlias);
  if (alias.step()) known.canonical.name = alias.text(0);

  const auto before = joined({scope, "\n", hub::name_of(repo.type), "/"});
  auto names = sql.query(
      "SELECT DISTINCT substr(key, ?1, instr(substr(key, ?1), char(10)) - 1) FROM grants WHERE "
      "key >= ?2 AND key < ?3 AND canonical = ?4 AND verdict IN (?5, ?6, ?7)",
      before.size() + 1, before, behind(before), known.canonical.name, Verdict::kAlias,
      Verdict::kDocumentsAlias, Verdict::kImportedAlias);
  while (names.step()) known.names.push_back(names.text(0));

  auto everybody = sql.query("SELECT verdict FROM grants WHERE key = ?1",
                             grant_key(scope, known.canonical, kEverybody));
  if (everybody.step()) {
    const auto verdict = static_cast<Verdict>(everybody.integer(0));
    known.was_public = verdict == Verdict::kGranted || verdict == Verdict::kDocumentsOnly;
    known.was_refused = verdict == Verdict::kUnknown || verdict == Verdict::kRefused;
  }
  return known;
}

Task<Access::Known> Access::known(const Asking& asking) {
  auto found = co_await known_by(asking, asking.repo);
  const bool shared = found.everybody.at >= found.repo.at;
  const auto alias = shared ? found.everybody : found.repo;  // the newest word on the name
  if (!alias.is_alias()) co_return found;
  hub::RepoId name{.type = asking.repo.type, .name = alias.leads_to};
  found = co_await known_by(asking, std::move(name));
  found.alias = alias;
  found.alias_ttl = shared ? options_.public_ttl : options_.grant_ttl;
  co_return found;
}

/// What that name is known by; no further than it takes to grant.
Task<Access::Known> Access::known_by(const Asking& asking, hub::RepoId name) {
  Known known{.name = name, .keys = keys_of(asking, name)};
  known.everybody = co_await recall(known.keys.everybody);
  if (granted(known.everybody, options_.public_ttl)) co_return known;
  known.repo = co_await recall(known.keys.repo);
  if (granted(known.repo, options_.grant_ttl) || asking.file.empty()) co_return known;
  known.file = co_await recall(known.keys.file);
  co_return known;
}

Task<Access::Decision> Access::recall(std::string key) {
  auto& decisions = shards_[workers_.current()]->decisions;
  if (const auto* decision = decisions.find(key)) co_return *decision;
  auto query = [key](db::Connection& sql) {
    Decision decision;
    auto rows = sql.query(
        "SELECT verdict, at, status, code, message, canonical FROM grants WHERE key = ?1", key);
    if (rows.step()) {
      decision.verdict = static_cast<Verdict>(rows.integer(0));
      decision.at = WallTime(milliseconds(rows.integer(1)));
      decision.refusal = {.status = static_cast<int>(rows.integer(2)),
                          .code = rows.text(3),
                          .message = rows.text(4)};
      decision.leads_to = rows.text(5);
    }
    return decision;
  };
  auto decision = co_await database_.read(std::move(query));
  // This worker may have been told a newer one meanwhile.
  if (const auto* newer = decisions.find(key)) co_return *newer;
  if (key.size() <= kLongestKey) decisions.put(std::move(key), decision);
  co_return decision;
}

std::string Access::imported_key(const Keys& keys) {
  const auto end = keys.everybody.find('\n');
  return hub::imported_scope(keys.everybody.substr(0, end)) + keys.everybody.substr(end);
}

// A refusal ends what speaks in favour: that the repo is public, and what this caller was granted.
// Only a closed gate leaves the few files readable that are open though gated.
Task<> Access::take_back(Keys keys, Verdict instead, Refusal refusal) {
  const auto now = clock_.now();
  const bool gate_only = refusal.code == "GatedRepo";
  const Decision none{.verdict = Verdict::kUnknown, .at = now};
  const Decision no{.verdict = instead, .at = now, .refusal = refusal};
  co_await tell_all(keys.everybody, none);
  co_await tell_all(keys.repo, no);
  const auto imported = keys.of_all ? imported_key(keys) : std::string();
  if (!imported.empty()) co_await tell_all(imported, none);
  if (!gate_only && keys.file != keys.repo) co_await tell_all(keys.file, none);
  const std::string end = gate_only ? keys.repo + '\0' : behind(keys.repo);
  auto is_granted = [key = keys.repo, end, everybody = keys.everybody,
                     imported](db::Connection& sql) {
    auto row = sql.query(
        "SELECT 1 FROM grants WHERE key = ?8 OR ((key = ?3 OR (key >= ?1 AND key < ?2)) "
        "AND verdict IN (?4, ?5, ?6, ?7)) LIMIT 1",
        key, end, everybody, Verdict::kGranted, Verdict::kDocumentsOnly, Verdict::kAlias,
        Verdict::kDocumentsAlias, imported);
    return row.step();
  };
  auto change = [keys = std::move(keys), imported, no, gate_only,
                 now = now.time_since_epoch().count(), too_old = refusals_end(),
                 too_stale = grants_end()](db::Connection& sql) {
    constexpr auto kSet =
        "INSERT OR REPLACE INTO grants (key, verdict, at, status, code, message, canonical) "
        "VALUES (?1, ?2, ?3, ?4, ?5, ?6, '')";
    sql.run(kSet, keys.everybody, Verdict::kUnknown, now, 0, "", "");
    sql.run("DELETE FROM grants WHERE key = ?1", imported);
    if (!gate_only) {
      sql.run("DELETE FROM grants WHERE key >= ?1 AND key < ?2", keys.repo, behind(keys.repo));
    }
    sql.run(kSet, keys.repo, no.verdict, now, no.refusal.status, no.refusal.code,
            no.refusal.message);
    forget_some(sql, too_old, too_stale);
  };
  bool kept = true;
  try {
    co_await database_.write(std::move(change));
  } catch (const Error& error) {
    if (!is_of_disk(error.kind())) throw;
    kept = false;
  }
  // A refusal lost with the memory is asked for again; but it must not leave a row behind that
  // speaks in favour.
  if (!kept && co_await database_.read(std::move(is_granted))) {
    throw Error(Error::Kind::kUnavailable, "a refusal of the Hub could not be kept");
  }
}

Task<> Access::decide(std::string key, Decision decision) {
  co_await tell_all(key, decision);
  auto change = [key = std::move(key), decision = std::move(decision),
                 now = clock_.now().time_since_epoch().count()](db::Connection& sql) {
    sql.run(
        "INSERT INTO grants (key, verdict, at, status, code, message, canonical) "
        "VALUES (?1, ?2, ?3, 0, '', '', ?4) ON CONFLICT (key) DO UPDATE SET verdict = ?2, "
        "at = ?3, status = 0, code = '', message = '', canonical = ?4 "
        "WHERE at <= ?3 OR at > ?5",
        key, decision.verdict, decision.at.time_since_epoch().count(), decision.leads_to, now);
  };
  database_.write_soon(std::move(change));
}

Task<> Access::admit_imported(hub::EndpointPtr twin, hub::RepoId repo,
                              std::vector<std::string> names) {
  std::vector<std::pair<std::string, Decision>> decisions;
  const auto now = clock_.now();
  decisions.emplace_back(grant_key(twin->scope(), repo, kEverybody),
                         Decision{.verdict = Verdict::kImported, .at = now});
  for (auto& name : names) {
    const hub::RepoId other{.type = repo.type, .name = std::move(name)};
    if (other == repo) continue;
    decisions.emplace_back(
        grant_key(twin->scope(), other, kEverybody),
        Decision{.verdict = Verdict::kImportedAlias, .at = now, .leads_to = repo.name});
  }
  auto change = [decisions](db::Connection& sql) {
    for (const auto& [key, decision] : decisions) {
      sql.run(
          "INSERT OR REPLACE INTO grants (key, verdict, at, status, code, message, canonical) "
          "VALUES (?1, ?2, ?3, 0, '', '', ?4)",
          key, decision.verdict, decision.at.time_since_epoch().count(), decision.leads_to);
    }
  };
  co_await database_.write_durable(std::move(change));
  for (auto& [key, decision] : decisions) co_await tell_all(std::move(key), std::move(decision));
}

WallTime Access::refusals_end() const {
  return clock_.now() - options_.refusal_ttl - kLongestAnswer;
}

WallTime Access::grants_end() const {
  return clock_.now() - options_.public_ttl - options_.stale_grants;
}

std::int64_t Access::forget_some(db::Connection& sql, WallTime refused_before,
                                 WallTime granted_before) {
  constexpr auto kForget =
      "DELETE FROM grants WHERE key IN "
      "(SELECT key FROM grants WHERE verdict = ?1 AND at < ?2 LIMIT ?3)";
  std::int64_t gone = 0;
  for (const auto negative : {Verdict::kUnknown, Verdict::kRefused}) {
    gone += sql.run(kForget, negative, refused_before.time_since_epoch().count(), kForgottenAtOnce);
  }
  for (const auto positive :
       {Verdict::kGranted, Verdict::kDocumentsOnly, Verdict::kAlias, Verdict::kDocumentsAlias}) {
    gone += sql.run(kForget, positive, granted_before.time_since_epoch().count(), kForgottenAtOnce);
  }
  return gone;
}

Access::Extent Access::extent(db::Connection& sql, std::uint64_t most) {
  Extent extent;
  std::uint64_t unvouched = 0;
  // The key is in the index too; of a page some is free.
  auto rows = sql.query(
      "SELECT (2 * length(key) + length(code) + length(message) + length(canonical) + 30) * 6 / 5, "
      "at, verdict IN (?1, ?2) FROM grants ORDER BY at DESC",
      Verdict::kImported, Verdict::kImportedAlias);
  while (rows.step()) {
    const auto bytes = static_cast<std::uint64_t>(rows.integer(0));
    extent.bytes += bytes;
    if (rows.boolean(2)) continue;
    unvouched += bytes;
    if (unvouched > most) {
      extent.too_much = std::max(extent.too_much, WallTime(milliseconds(rows.integer(1))));
    }
  }
  return extent;
}

Task<> Access::forget(WallTime refused_before, WallTime granted_before) {
  std::int64_t gone = 1;
  while (gone > 0) {
    auto change = [refused_before, granted_before](db::Connection& sql) {
      return forget_some(sql, refused_before, granted_before);
    };
    gone = co_await database_.write(std::move(change));
  }
}

Task<std::uint64_t> Access::trim(std::uint64_t most) {
  co_await forget(refusals_end(), grants_end());
  auto look = [most](db::Connection& sql) { return extent(sql, most); };
  auto left = co_await database_.read(look);
  if (left.bytes <= most) co_return left.bytes;
  const auto before = std::min(left.too_much + milliseconds(1), clock_.now() - kLongestAnswer);
  co_await forget(before, before);
  left = co_await database_.read(look);
  co_return left.bytes;
}

Task<> Access::tell_all(std::string key, Decision decision) {
  for (std::size_t worker = 0; worker < workers_.size(); ++worker) {
    co_await on(workers_.executor(worker), tell(worker, key, decision));
  }
}

Task<> Access::tell(std::size_t worker, std::string key, Decision decision) {
  auto& decisions = shards_[worker]->decisions;
  const auto* known = decisions.find(key);
  const bool newest = known == nullptr || known->at <= decision.at || known->at > clock_.now();
  if (newest && key.size() <= kLongestKey) decisions.put(std::move(key), std::move(decision));
  co_return;
}

}  // namespace hubcache::access
