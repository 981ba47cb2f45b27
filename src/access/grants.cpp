#include "hubcache/access/grants.h"

#include <utility>

#include "hubcache/base/error.h"
#include "hubcache/base/joined.h"
#include "hubcache/hub/refusal.h"

#include "grant_shard.h"

namespace hubcache::access {
namespace {

using std::chrono::milliseconds;

constexpr int kOk = 200;
constexpr int kUnauthorized = 401;
constexpr int kForbidden = 403;
constexpr int kNotFound = 404;

/// Only then may a stale right serve: a 429 is the Hub, alive (SECURITY 7).
bool origin_is_down(const Error& error) {
  return error.kind() == Error::Kind::kUpstream || error.kind() == Error::Kind::kUpstreamTimeout;
}

/// Readable by anybody at the root of a gated repo, though all else is refused (SECURITY 4).
bool may_be_open(std::string_view path, const Refusal& refusal) {
  if (refusal.code == "RepoNotFound") return false;
  return path == "README.md" || path == "LICENSE" || path.starts_with("LICENSE.");
}

bool is_refusal(int status) {
  return status == kUnauthorized || status == kForbidden || status == kNotFound;
}

/// The Hub let the caller past the gate, whether or not it found the file there.
bool is_past_the_gate(const hub::FileAnswer& answer) {
  if (answer.found()) return true;
  return answer.status == kNotFound &&
         (answer.error_code == "EntryNotFound" || answer.error_code == "RevisionNotFound");
}

template <typename Answer>
Refusal refusal_in(const Answer& answer) {
  return {.status = answer.status, .code = answer.error_code, .message = answer.error_message};
}

Error error_of(const Refusal& refusal, std::string commit = {}) {
  return hub::refusal_of(refusal.status, refusal.code, refusal.message, std::move(commit));
}

/// An answer of the Hub, or why there is none.
template <typename Answer>
struct Heard {
  std::shared_ptr<const Answer> answer;
  std::optional<Error> trouble;
};

template <typename Answer>
Task<Heard<Answer>> hear(Task<std::shared_ptr<const Answer>> question) {
  Heard<Answer> heard;
  try {
    heard.answer = co_await std::move(question);
  } catch (const Error& trouble) {
    heard.trouble = trouble;
  }
  co_return heard;
}

bool is_anonymous(const hub::Credential& credential) {
  return credential.kind == hub::Credential::Kind::kAnonymous;
}

Right right_of(const hub::Credential& credential) {
  return {.kind = is_anonymous(credential) ? Right::Kind::kPublic : Right::Kind::kRepo};
}

}  // namespace

std::string_view Right::document_class() const {
  switch (kind) {
    case Kind::kPublic:
      return "public";
    case Kind::kRepo:
      return "granted";
    case Kind::kFile:
    case Kind::kRefused:
      return "refused";
  }
  return "refused";
}

Access::Access(Workers& workers, db::Database& database, Options options, const Clock& clock)
    : workers_(workers), database_(database), options_(options), clock_(clock) {
  for (std::size_t i = 0; i < workers.size(); ++i) {
    shards_.push_back(std::make_unique<Shard>(options_.remembered));
  }
}

Access::~Access() = default;

// Many files of a repo are asked for at once: one asks the Hub what it lets the caller read, the
// others wait for that, and ask only where it does not tell of their files.
Task<Right> Access::require_read(hub::Probe& probe) {
  if (known_as_public(*probe.endpoint(), probe.file().repo)) {
    co_return Right{.kind = Right::Kind::kPublic};
  }
  auto keys = keys_of(probe);
  auto found = co_await known(keys);
  if (auto right = right_known(probe, found)) co_return std::move(*right);
  const auto turn = co_await shards_[workers_.current()]->turns.take_or_wait(keys.repo);
  if (!turn) {
    found = co_await known(keys);
    if (auto right = right_known(probe, found)) co_return std::move(*right);
  }
  co_return co_await ask(probe, std::move(keys), std::move(found));
}

/// What most requests come to, from this worker's memory alone.
bool Access::known_as_public(const hub::Endpoint& endpoint, const hub::RepoId& repo) {
  const auto* everybody =
      shards_[workers_.current()]->decisions.find(everybodys_key(endpoint, repo));
  return everybody != nullptr && granted(*everybody, options_.public_ttl);
}

std::optional<Right> Access::right_known(const hub::Probe& probe, const Known& known) const {
  if (auto right = repo_right(known, Use::kFiles)) return right;
  if (file_granted(known)) return Right{.kind = Right::Kind::kFile};
  if (refused(known) && !may_be_open(probe.file().path, known.repo.refusal)) {
    throw error_of(known.repo.refusal);
  }
  return std::nullopt;
}

Task<Right> Access::ask(hub::Probe& probe, Keys keys, Known known) {
  const auto asked_at = clock_.now();
  const bool refused_before = refused(known);
  auto yes_before = remembered_yes(probe, known);
  Heard<hub::RepoAnswer> auth;
  if (yes_before) auth.answer = std::make_shared<const hub::RepoAnswer>(std::move(*yes_before));
  if (!auth.answer && !refused_before) {
    co_await probe.ask_both();
    auth = co_await hear(probe.auth());
  }
  const auto head = co_await hear(probe.head());

  const bool may_read = auth.answer && auth.answer->status == kOk;
  const bool let_in = head.answer && is_past_the_gate(*head.answer);
  const bool one_repo = may_read && head.answer && head.answer->canonical == auth.answer->canonical;
  const bool was_one_repo =
      may_read && head.trouble && seen_by_head(known, probe.credential(), auth.answer->canonical);
  if ((let_in && one_repo) || was_one_repo) {
    co_await grant_repo(probe.credential(), std::move(keys),
                        {.verdict = Verdict::kGranted,
                         .at = asked_at,
                         .refusal = {},
                         .canonical = auth.answer->canonical.name});
    co_return right_of(probe.credential());
  }
  // A refusal of the file alone says nothing of other files: only without a yes it is the repo's.
  if (auth.answer && is_refusal(auth.answer->status)) {
    co_await take_back(keys, Verdict::kRefused, refusal_in(*auth.answer));
  } else if (head.answer && !let_in && !may_read && is_refusal(head.answer->status)) {
    co_await take_back(keys, Verdict::kRefused, refusal_in(*head.answer));
  }
  if (head.answer && head.answer->found()) {
    co_await decide(std::move(keys.file), {.verdict = Verdict::kGranted,
                                           .at = clock_.now(),  // outlasts the refusal above
                                           .refusal = {},
                                           .canonical = head.answer->canonical.name});
    co_return Right{.kind = Right::Kind::kFile};
  }
  if (head.answer) throw error_of(refusal_in(*head.answer), head.answer->commit);
  if (auth.answer && !may_read) throw error_of(refusal_in(*auth.answer));
  // Stale rights serve only while the whole origin is down: whoever answers anything is not.
  const bool alive = may_read || (auth.trouble && !origin_is_down(*auth.trouble));
  if (!alive && origin_is_down(*head.trouble)) {
    if (auto right = stale_right(known, Use::kFiles)) co_return std::move(*right);
  }
  throw *head.trouble;
}

Task<Right> Access::right_of_repo(hub::EndpointPtr endpoint, hub::Credential credential,
                                  hub::RepoId repo, hub::Flights& flights) {
  auto keys = keys_of(*endpoint, credential, repo);
  auto found = co_await known(keys);
  if (auto right = repo_right(found, Use::kDocuments)) co_return std::move(*right);
  if (refused(found)) {
    co_return Right{.kind = Right::Kind::kRefused, .refusal = found.repo.refusal};
  }
  const auto asked_at = clock_.now();
  const auto auth = co_await hear(flights.auth_check(endpoint, credential, std::move(repo)));
  if (auth.trouble) {
    if (origin_is_down(*auth.trouble)) {
      if (auto right = stale_right(found, Use::kDocuments)) co_return std::move(*right);
    }
    throw *auth.trouble;
  }
  if (auth.answer->status == kOk) {
    const bool opens_files = seen_by_head(found, credential, auth.answer->canonical);
    co_await grant_repo(credential, std::move(keys),
                        {.verdict = opens_files ? Verdict::kGranted : Verdict::kDocumentsOnly,
                         .at = asked_at,
                         .refusal = {},
                         .canonical = auth.answer->canonical.name});
    co_return right_of(credential);
  }
  auto refusal = refusal_in(*auth.answer);
  if (is_refusal(refusal.status)) {
    co_await take_back(std::move(keys), Verdict::kRefused, refusal);
  }
  co_return Right{.kind = Right::Kind::kRefused, .refusal = std::move(refusal)};
}

// One file may be refused in a repo that is not: this ends what was known, and refuses nothing.
Task<> Access::heed_refusal(hub::RepoRefusal heard) {
  const Refusal refusal{
      .status = heard.status, .code = std::move(heard.code), .message = std::move(heard.message)};
  const auto end_grants = [&](const hub::RepoId& repo) {
    return take_back(keys_of(*heard.endpoint, heard.credential, repo), Verdict::kUnknown, refusal);
  };
  co_await end_grants(heard.canonical);
  if (heard.asked != heard.canonical) co_await end_grants(heard.asked);
}

Task<> Access::grant_repo(const hub::Credential& credential, Keys keys, Decision decision) {
  auto key = is_anonymous(credential) ? std::move(keys.everybody) : std::move(keys.repo);
  co_await decide(std::move(key), std::move(decision));
}

std::string Access::everybodys_key(const hub::Endpoint& endpoint, const hub::RepoId& repo) {
  return joined({endpoint.scope(), "\n", hub::name_of(repo.type), "/", repo.name, "\n*\n"});
}

Access::Keys Access::keys_of(const hub::Endpoint& endpoint, const hub::Credential& credential,
                             const hub::RepoId& repo) {
  // No part can hold a newline: keys of different parts never meet.
  const auto caller = joined({endpoint.scope(), "\n", hub::name_of(repo.type), "/", repo.name, "\n",
                              credential.key, "\n"});
  return {.everybody = everybodys_key(endpoint, repo), .repo = caller, .file = caller};
}

Access::Keys Access::keys_of(const hub::Probe& probe) {
  const auto& file = probe.file();
  auto keys = keys_of(*probe.endpoint(), probe.credential(), file.repo);
  // These two may hold anything: the length tells where the first one ends.
  keys.file += std::to_string(file.revision.size());
  ((keys.file += ':') += file.revision) += file.path;
  return keys;
}

bool Access::fresh(const Decision& decision, milliseconds ttl) const {
  const auto now = clock_.now();
  return decision.at <= now && now - decision.at < ttl;
}

bool Access::granted(const Decision& decision, milliseconds ttl) const {
  return decision.verdict == Verdict::kGranted && fresh(decision, ttl);
}

bool Access::refused(const Known& known) const {
  return known.repo.verdict == Verdict::kRefused && fresh(known.repo, options_.refusal_ttl);
}

std::optional<Right> Access::repo_right(const Known& known, Use use, milliseconds beyond) const {
  const auto gives = [this, use](const Decision& decision, milliseconds ttl) {
    const bool documents = use == Use::kDocuments && decision.verdict == Verdict::kDocumentsOnly;
    return granted(decision, ttl) || (documents && fresh(decision, ttl));
  };
  if (gives(known.everybody, options_.public_ttl + beyond)) {
    return Right{.kind = Right::Kind::kPublic};
  }
  if (gives(known.repo, options_.grant_ttl + beyond)) return Right{.kind = Right::Kind::kRepo};
  return std::nullopt;
}

// A closed gate says nothing against the few files that are open though gated; a repo that is gone
// takes all its files along.
bool Access::file_granted(const Known& known, milliseconds beyond) const {
  const bool gone = known.repo.refusal.status != 0 && known.repo.at > known.file.at &&
                    known.repo.refusal.code != "GatedRepo";
  return !gone && granted(known.file, options_.grant_ttl + beyond);
}

std::optional<Right> Access::stale_right(const Known& known, Use use) const {
  auto right = repo_right(known, use, options_.stale_grants);
  if (!right && file_granted(known, options_.stale_grants)) {
    right = Right{.kind = Right::Kind::kFile};
  }
  if (right) right->stale = true;
  return right;
}

bool Access::seen_by_head(const Known& known, const hub::Credential& credential,
                          const hub::RepoId& canonical) const {
  const auto& before = is_anonymous(credential) ? known.everybody : known.repo;
  return granted(before, options_.public_ttl + options_.stale_grants) &&
         before.canonical == canonical.name;
}

/// A fresh yes to the repo's documents, of the same credential, spares the auth-check.
std::optional<hub::RepoAnswer> Access::remembered_yes(const hub::Probe& probe,
                                                      const Known& known) const {
  const bool anonymous = is_anonymous(probe.credential());
  const auto& decision = anonymous ? known.everybody : known.repo;
  const auto ttl = anonymous ? options_.public_ttl : options_.grant_ttl;
  if (decision.verdict != Verdict::kDocumentsOnly || !fresh(decision, ttl)) return std::nullopt;
  return hub::RepoAnswer{.status = kOk,
                         .canonical = {.type = probe.file().repo.type, .name = decision.canonical},
                         .error_code = {},
                         .error_message = {}};
}

}  // namespace hubcache::access
