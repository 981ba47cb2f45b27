#include "hubcache/access/grants.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <utility>

#include "hubcache/base/error.h"
#include "hubcache/hub/refusal.h"

namespace hubcache::access {
namespace {

using std::chrono::milliseconds;

constexpr std::array kMigrations{db::Migration{
    .number = 450,
    .name = "access: grants",
    .sql = "CREATE TABLE grants (key TEXT PRIMARY KEY, verdict INTEGER NOT NULL, at INTEGER NOT "
           "NULL, status INTEGER NOT NULL, code TEXT NOT NULL, message TEXT NOT NULL) STRICT, "
           "WITHOUT ROWID;"}};

bool origin_is_down(const Error& error) {
  return error.kind() == Error::Kind::kUpstream || error.kind() == Error::Kind::kUpstreamTimeout;
}

/// Readable by anybody at the root of a gated repo, though all else is refused (SECURITY 4).
bool open_though_gated(std::string_view path) {
  return path == "README.md" || path == "LICENSE" || path.starts_with("LICENSE.");
}

Refusal refusal_in(const hub::FileAnswer& answer) {
  return {.status = answer.status, .code = answer.error_code, .message = answer.error_message};
}

Error error_of(const Refusal& refusal, std::string commit = {}) {
  return hub::refusal_of(refusal.status, refusal.code, refusal.message, std::move(commit));
}

}  // namespace

std::span<const db::Migration> grant_migrations() { return kMigrations; }

std::string_view Right::document_class() const {
  switch (kind) {
    case Kind::kPublic: return "public";
    case Kind::kRepo: return "granted";
    case Kind::kFile:
    case Kind::kRefused: return "refused";
  }
  return "refused";
}

Access::Access(Workers& workers, db::Database& database, Options options, const Clock& clock)
    : workers_(workers), database_(database), options_(options), clock_(clock) {
  for (std::size_t i = 0; i < workers.size(); ++i) {
    shards_.push_back(std::make_unique<Shard>(options_.remembered));
  }
}

Task<Right> Access::require_read(hub::Probe& probe) {
  const auto& file = probe.file();
  auto keys = keys_of(*probe.endpoint(), probe.credential(), file.repo, file.path);
  auto found = co_await known(keys);
  if (auto right = fresh_right(found)) co_return std::move(*right);
  if (granted(found.file, options_.grant_ttl)) co_return Right{.kind = Right::Kind::kFile};
  const bool refused =
      found.repo.verdict == Verdict::kRefused && fresh(found.repo, options_.refusal_ttl);
  if (refused && !open_though_gated(file.path)) throw error_of(found.repo.refusal);
  co_return co_await ask(probe, std::move(keys), std::move(found));
}

Task<Right> Access::ask(hub::Probe& probe, Keys keys, Known known) {
  co_await probe.ask_both();
  std::shared_ptr<const hub::FileAnswer> head;
  std::shared_ptr<const hub::RepoAnswer> auth;
  std::exception_ptr trouble;
  try {
    head = co_await probe.head();
  } catch (const Error&) {
    trouble = std::current_exception();
  }
  try {
    auth = co_await probe.auth();
  } catch (const Error&) {
    trouble = std::current_exception();
  }
  const bool may_read = auth && auth->status == 200;
  const bool one_repo = !head || !head->found() || !auth || head->canonical == auth->canonical;
  if (may_read && one_repo) {
    const bool anonymous = probe.credential().kind == hub::Credential::Kind::kAnonymous;
    co_await record_grant(std::move(keys), anonymous);
    co_return Right{.kind = anonymous ? Right::Kind::kPublic : Right::Kind::kRepo};
  }
  if (head && head->found()) {  // a 200 grants that file, and no more
    if (auth && !may_read) {
      co_await record_refusal(keys, {.status = auth->status,
                                     .code = auth->error_code,
                                     .message = auth->error_message});
    }
    co_await decide(keys.file, {.verdict = Verdict::kGranted, .at = clock_.now(), .refusal = {}});
    co_return Right{.kind = Right::Kind::kFile};
  }
  if (trouble) {
    const auto error = Error::from(trouble);
    if (origin_is_down(error)) {
      if (auto right = stale_right(known)) co_return std::move(*right);
    }
    throw error;
  }
  // A 404 that only says a file or revision is absent is no memo against the repo, nor a grant.
  const bool absent = head->error_code == "EntryNotFound" || head->error_code == "RevisionNotFound";
  if (!may_read) {
    co_await record_refusal(std::move(keys), absent ? Refusal{.status = auth->status,
                                                              .code = auth->error_code,
                                                              .message = auth->error_message}
                                                    : refusal_in(*head));
  }
  throw error_of(refusal_in(*head), head->commit);
}

Task<Right> Access::right_of_repo(hub::EndpointPtr endpoint, hub::Credential credential,
                                  hub::RepoId repo, hub::Flights& flights) {
  auto keys = keys_of(*endpoint, credential, repo, {});
  auto found = co_await known(keys);
  if (auto right = fresh_right(found)) co_return std::move(*right);
  if (found.repo.verdict == Verdict::kRefused && fresh(found.repo, options_.refusal_ttl)) {
    co_return Right{.kind = Right::Kind::kRefused, .refusal = found.repo.refusal};
  }
  std::shared_ptr<const hub::RepoAnswer> answer;
  std::exception_ptr trouble;
  try {
    answer = co_await flights.auth_check(endpoint, credential, std::move(repo));
  } catch (const Error&) {
    trouble = std::current_exception();
  }
  if (trouble) {
    const auto error = Error::from(trouble);
    if (origin_is_down(error)) {
      if (auto right = stale_right(found)) co_return std::move(*right);
    }
    throw error;
  }
  if (answer->status == 200) {
    const bool anonymous = credential.kind == hub::Credential::Kind::kAnonymous;
    co_await record_grant(std::move(keys), anonymous);
    co_return Right{.kind = anonymous ? Right::Kind::kPublic : Right::Kind::kRepo};
  }
  Refusal refusal{
      .status = answer->status, .code = answer->error_code, .message = answer->error_message};
  co_await record_refusal(std::move(keys), refusal);
  co_return Right{.kind = Right::Kind::kRefused, .refusal = std::move(refusal)};
}

Access::Keys Access::keys_of(const hub::Endpoint& endpoint, const hub::Credential& credential,
                             const hub::RepoId& repo, std::string_view path) {
  // No part can hold a newline: keys of different parts never meet.
  const std::string place = endpoint.scope() + '\n' + repo.key() + '\n';
  const std::string caller = place + credential.key + '\n';
  return {.everybody = place + "*\n", .repo = caller, .file = caller + std::string(path)};
}

Task<Access::Known> Access::known(Keys keys) {
  Known known;
  known.everybody = co_await recall(keys.everybody);
  if (granted(known.everybody, options_.public_ttl)) co_return known;
  known.repo = co_await recall(keys.repo);
  if (granted(known.repo, options_.grant_ttl) || keys.file == keys.repo) co_return known;
  known.file = co_await recall(keys.file);
  co_return known;
}

Task<Access::Decision> Access::recall(std::string key) {
  auto& shard = *shards_[workers_.current()];
  if (const auto* decision = shard.decisions.find(key)) co_return *decision;
  auto query = [key](db::Connection& sql) {
    Decision decision;
    auto rows = sql.query("SELECT verdict, at, status, code, message FROM grants WHERE key = ?1", key);
    if (rows.step()) {
      decision.verdict = static_cast<Verdict>(rows.integer(0));
      decision.at = WallTime(milliseconds(rows.integer(1)));
      decision.refusal = {.status = static_cast<int>(rows.integer(2)),
                          .code = rows.text(3),
                          .message = rows.text(4)};
    }
    return decision;
  };
  auto decision = co_await database_.read(std::move(query));
  // Someone may have been told a newer one meanwhile.
  if (const auto* newer = shard.decisions.find(key)) co_return *newer;
  shard.decisions.put(std::move(key), decision);
  co_return decision;
}

bool Access::fresh(const Decision& decision, milliseconds ttl) const {
  const auto now = clock_.now();
  return decision.at <= now && now - decision.at < ttl;
}

bool Access::granted(const Decision& decision, milliseconds ttl) const {
  return decision.verdict == Verdict::kGranted && fresh(decision, ttl);
}

std::optional<Right> Access::fresh_right(const Known& known) const {
  if (granted(known.everybody, options_.public_ttl)) return Right{.kind = Right::Kind::kPublic};
  if (granted(known.repo, options_.grant_ttl)) return Right{.kind = Right::Kind::kRepo};
  return std::nullopt;
}

std::optional<Right> Access::stale_right(const Known& known) const {
  if (granted(known.everybody, options_.public_ttl + options_.stale_grants)) {
    return Right{.kind = Right::Kind::kPublic, .stale = true};
  }
  if (granted(known.repo, options_.grant_ttl + options_.stale_grants)) {
    return Right{.kind = Right::Kind::kRepo, .stale = true};
  }
  if (granted(known.file, options_.grant_ttl + options_.stale_grants)) {
    return Right{.kind = Right::Kind::kFile, .stale = true};
  }
  return std::nullopt;
}

Task<> Access::record_grant(Keys keys, bool for_everybody) {
  const Decision granted{.verdict = Verdict::kGranted, .at = clock_.now(), .refusal = {}};
  co_await decide(for_everybody ? std::move(keys.everybody) : std::move(keys.repo), granted);
}

// A refusal ends what was remembered in favour: that the repo was public, and the path's own grant.
Task<> Access::record_refusal(Keys keys, Refusal refusal) {
  const auto now = clock_.now();
  const Decision none{.verdict = Verdict::kUnknown, .at = now, .refusal = {}};
  co_await decide(keys.everybody, none);
  if (keys.file != keys.repo) co_await decide(keys.file, none);
  co_await decide(std::move(keys.repo),
                  {.verdict = Verdict::kRefused, .at = now, .refusal = std::move(refusal)});
}

Task<> Access::decide(std::string key, Decision decision) {
  for (std::size_t worker = 0; worker < workers_.size(); ++worker) {
    co_await on(workers_.executor(worker), tell(worker, key, decision));
  }
  auto change = [key = std::move(key), decision = std::move(decision)](db::Connection& sql) {
    sql.run("INSERT INTO grants (key, verdict, at, status, code, message) "
            "VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (key) DO UPDATE SET verdict = ?2, "
            "at = ?3, status = ?4, code = ?5, message = ?6 WHERE at <= ?3",
            key, decision.verdict, decision.at.time_since_epoch().count(), decision.refusal.status,
            decision.refusal.code, decision.refusal.message);
  };
  database_.write_soon(std::move(change));
}

Task<> Access::tell(std::size_t worker, std::string key, Decision decision) {
  auto& decisions = shards_[worker]->decisions;
  const auto* known = decisions.find(key);
  if (known == nullptr || known->at <= decision.at) {
    decisions.put(std::move(key), std::move(decision));
  }
  co_return;
}

}  // namespace hubcache::access
