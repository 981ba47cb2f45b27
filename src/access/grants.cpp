#include "hubcache/access/grants.h"

#include <utility>

#include "hubcache/base/error.h"
#include "hubcache/base/http_status.h"
#include "hubcache/base/joined.h"
#include "hubcache/base/task.h"
#include "hubcache/hub/refusal.h"

#include "grant_questions.h"
#include "grant_shard.h"

namespace hubcache::access {
namespace {

using std::chrono::milliseconds;

/// Readable by anybody at the root of a gated repo, though all else is refused (SECURITY 4).
bool may_be_open(std::string_view path, const Refusal& refusal) {
  if (refusal.code == "RepoNotFound") return false;
  return path == "README.md" || path == "LICENSE" || path.starts_with("LICENSE.");
}

bool is_refusal(int status) {
  return status == http_status::kUnauthorized || status == http_status::kForbidden ||
         status == http_status::kNotFound;
}

/// The Hub let the caller past the gate, whether or not it found the file there.
bool is_past_the_gate(const hub::FileAnswer& answer) {
  if (answer.found()) return true;
  return answer.status == http_status::kNotFound &&
         (answer.error_code == "EntryNotFound" || answer.error_code == "RevisionNotFound");
}

template <typename Answer>
Refusal refusal_in(const Answer& answer) {
  return {.status = answer.status, .code = answer.error_code, .message = answer.error_message};
}

Error error_of(const Refusal& refusal, std::string commit = {}) {
  return hub::refusal_of(refusal.status, refusal.code, refusal.message, std::move(commit));
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

Task<Right> Access::require_read(hub::Probe& probe) {
  if (auto right = right_at_once(probe)) co_return std::move(*right);
  auto right = co_await read_right(probe);
  settle(probe, right);
  co_return right;
}

std::optional<Right> Access::right_at_once(hub::Probe& probe) {
  const auto& repo = probe.file().repo;
  const auto* everybody = public_at_once(public_key(*probe.endpoint(), repo));
  if (everybody == nullptr) return std::nullopt;
  Right right{
      .kind = Right::Kind::kPublic, .repo = repo, .until = end_of(*everybody, options_.public_ttl)};
  settle(probe, right);
  return right;
}

const Access::Decision* Access::public_at_once(std::string_view key) const {
  const auto* everybody = shards_[workers_.current()]->decisions.find(key);
  const bool is_public = everybody != nullptr && granted(*everybody, options_.public_ttl);
  return is_public ? everybody : nullptr;
}

bool Access::is_public_at_once(std::string_view key) const {
  return public_at_once(key) != nullptr;
}

std::string Access::public_key(const hub::Endpoint& endpoint, const hub::RepoId& repo) {
  return grant_key(endpoint.scope(), repo, kEverybody);
}

void Access::settle(hub::Probe& probe, const Right& right) {
  const bool as_anybody = right.kind == Right::Kind::kPublic &&
                          probe.credential().kind == hub::Credential::Kind::kCaller;
  if (as_anybody) {
    probe.settle(right.repo, hub::Credential::anonymous());
  } else if (right.repo != probe.file().repo) {
    probe.settle(right.repo, probe.credential());
  }
}

// Many files of a repo are asked for at once: one asks the Hub what it lets the caller read, the
// others wait for that, and ask only where it does not tell of their files.
Task<Right> Access::read_right(hub::Probe& probe) {
  auto asking = asking_of(probe);
  auto found = co_await known(asking);
  if (auto right = right_known(probe, found)) co_return std::move(*right);
  const auto turn = co_await shards_[workers_.current()]->turns.take_or_wait(found.keys.repo);
  found = co_await known(asking);  // others may have learned it since
  if (auto right = right_known(probe, found)) co_return std::move(*right);
  co_return co_await ask(probe, std::move(asking), std::move(found));
}

Right Access::right_just_given(const hub::Credential& credential, hub::RepoId repo,
                               WallTime at) const {
  const bool to_all = credential.is_anonymous();
  return {.kind = to_all ? Right::Kind::kPublic : Right::Kind::kRepo,
          .repo = std::move(repo),
          .until = at + (to_all ? options_.public_ttl : options_.grant_ttl)};
}

std::optional<Right> Access::right_known(const hub::Probe& probe, const Known& known) const {
  if (auto right = repo_right(known, Use::kFiles)) return right;
  if (file_granted(known)) return file_right(known);
  if (refused(known, Use::kFiles) && !may_be_open(probe.file().path, known.repo.refusal)) {
    throw error_of(known.repo.refusal);
  }
  return std::nullopt;
}

Task<Right> Access::ask(hub::Probe& probe, Asking asking, Known known) {
  const auto asked_at = clock_.now();
  const bool refused_before = refused(known, Use::kFiles);
  auto yes_before = remembered_yes(probe, known);
  Heard<hub::RepoAnswer> auth;
  if (yes_before) auth.answer = std::make_shared<const hub::RepoAnswer>(std::move(*yes_before));
  if (!auth.answer && !refused_before) {
    co_await probe.ask_both();
    auth = co_await hear(probe.auth());
  }
  const auto head = co_await hear(probe.head());
  // A right to one file outlasts the repo's refusal, which spares the question of the other route.
  if (head.trouble && refused_before) auth = co_await hear(probe.auth());

  const bool may_read = auth.answer && auth.answer->status == http_status::kOk;
  const bool let_in = head.answer && is_past_the_gate(*head.answer);
  const bool agreed =
      head.answer && auth.answer && head.answer->canonical == auth.answer->canonical;
  const bool was_one_repo =
      may_read && head.trouble && seen_by_head(known, probe.credential(), auth.answer->canonical);
  if ((may_read && let_in && agreed) || was_one_repo) {
    const auto& canonical = auth.answer->canonical;
    co_await grant(asking, canonical, Use::kFiles, Verdict::kAlias, asked_at);
    co_return right_just_given(probe.credential(), canonical, asked_at);
  }
  // A refusal of the file alone says nothing of other files: only without a yes it is the repo's.
  if (auth.answer && is_refusal(auth.answer->status)) {
    const auto alias = agreed ? Verdict::kAlias : Verdict::kDocumentsAlias;
    co_await refuse(asking, known, auth.answer->canonical, refusal_in(*auth.answer), alias,
                    asked_at);
  } else if (head.answer && !let_in && !may_read && is_refusal(head.answer->status)) {
    co_await refuse(asking, known, head.answer->canonical, refusal_in(*head.answer),
                    Verdict::kUnknown, asked_at);
  }
  if (head.answer && head.answer->found()) {
    const auto& canonical = head.answer->canonical;
    // The time outlasts the refusal above.
    const auto at = clock_.now();
    counts_->granted.add();
    co_await decide(keys_of(asking, canonical).file, {.verdict = Verdict::kGranted, .at = at});
    co_return Right{
        .kind = Right::Kind::kFile, .repo = canonical, .until = at + options_.grant_ttl};
  }
  if (head.answer) throw error_of(refusal_in(*head.answer), head.answer->commit);
  if (auth.answer && !may_read) {
    const auto refusal = refusal_in(*auth.answer);
    if (!may_be_open(probe.file().path, refusal)) throw error_of(refusal);
  }
  // Stale rights serve only while the whole origin is down: whoever answers anything is not.
  const bool alive = auth.answer || (auth.trouble && !origin_is_down(*auth.trouble));
  if (!alive && origin_is_down(*head.trouble)) {
    if (auto right = stale_right(known, Use::kFiles)) {
      counts_->stale.add();
      co_return std::move(*right);
    }
  }
  throw *head.trouble;
}

Task<Right> Access::right_of_repo(hub::EndpointPtr endpoint, hub::Credential credential,
                                  hub::RepoId repo, hub::Flights& flights, milliseconds at_least) {
  const Asking asking{
      .endpoint = *endpoint, .credential = credential, .repo = std::move(repo), .file = {}};
  const auto found = co_await known(asking);
  if (auto right = repo_right(found, Use::kDocuments, -at_least)) co_return std::move(*right);
  if (refused(found, Use::kDocuments)) {
    co_return Right{
        .kind = Right::Kind::kRefused, .refusal = found.repo.refusal, .repo = found.name};
  }
  const auto asked_at = clock_.now();
  std::optional<OtherQuestion> other;
  if (stale_right(found, Use::kDocuments)) {
    const Executor executor = co_await asio::this_coro::executor;
    other.emplace(executor, endpoint, credential, asking.repo, flights);
  }
  const auto auth = co_await hear(flights.auth_check(endpoint, credential, asking.repo));
  if (auth.trouble) {
    if (other && origin_is_down(*auth.trouble) && co_await other->fails()) {
      const auto left = co_await known(asking);  // a refusal heard meanwhile wins
      if (auto right = stale_right(left, Use::kDocuments)) {
        counts_->stale.add();
        co_return std::move(*right);
      }
    }
    throw *auth.trouble;
  }
  other.reset();
  const auto& canonical = auth.answer->canonical;
  const bool by_head = seen_by_head(found, credential, canonical);
  if (auth.answer->status == http_status::kOk) {
    co_await grant(asking, canonical, by_head ? Use::kFiles : Use::kDocuments,
                   by_head ? Verdict::kAlias : Verdict::kDocumentsAlias, asked_at);
    co_return right_just_given(credential, canonical, asked_at);
  }
  auto refusal = refusal_in(*auth.answer);
  if (is_refusal(refusal.status)) {
    co_await refuse(asking, found, canonical, refusal, Verdict::kDocumentsAlias, asked_at);
  }
  co_return Right{.kind = Right::Kind::kRefused, .refusal = std::move(refusal), .repo = canonical};
}

// One file may be refused in a repo that is not: this ends what was known, and refuses nothing.
Task<> Access::heed(hub::RepoChange change) {
  const Asking asking{.endpoint = *change.endpoint,
                      .credential = change.credential,
                      .repo = change.asked,
                      .file = {}};
  const auto asked = co_await known_by(asking, change.asked);
  if (change.status == 0) {
    const Refusal gone{.status = http_status::kNotFound, .code = "RepoNotFound", .message = {}};
    const bool was_canonical = asked.everybody.is_yes() || asked.repo.is_yes();
    if (was_canonical) co_await take_back(asked.keys, Verdict::kUnknown, gone);
    co_return;
  }
  const Refusal refusal{.status = change.status,
                        .code = std::move(change.code),
                        .message = std::move(change.message)};
  const auto found = co_await known(asking);
  co_await take_back(keys_of(asking, change.canonical), Verdict::kUnknown, refusal);
  if (change.canonical == change.asked && found.name != change.asked) {
    co_await take_back(found.keys, Verdict::kUnknown, refusal);
  }
}

Task<> Access::grant(const Asking& asking, hub::RepoId canonical, Use use, Verdict alias,
                     WallTime at) {
  const bool anonymous = asking.credential.is_anonymous();
  auto keys = keys_of(asking, canonical);
  auto& key = anonymous ? keys.everybody : keys.repo;
  counts_->granted.add();
  auto verdict = use == Use::kFiles ? Verdict::kGranted : Verdict::kDocumentsOnly;
  if (verdict == Verdict::kDocumentsOnly) {
    // A HEAD has opened files by another name, or before: this yes prolongs that.
    const auto before = co_await recall(key);
    if (granted(before, options_.public_ttl + options_.stale_grants)) verdict = Verdict::kGranted;
  }
  co_await decide(std::move(key), {.verdict = verdict, .at = at});
  co_await learn_alias(asking, std::move(canonical), alias, at);
}

Task<> Access::refuse(const Asking& asking, const Known& known, hub::RepoId canonical,
                      Refusal refusal, Verdict alias, WallTime at) {
  counts_->refused.add();
  co_await take_back(keys_of(asking, canonical), Verdict::kRefused, refusal);
  // The Hub tells the name of a repo to those who may read it: what is refused by this name may be
  // what it was an alias of.
  if (canonical == asking.repo && known.name != asking.repo) {
    co_await take_back(known.keys, Verdict::kUnknown, refusal);
  }
  co_await learn_alias(asking, std::move(canonical), alias, at);
}

Task<> Access::learn_alias(const Asking& asking, hub::RepoId canonical, Verdict alias,
                           WallTime at) {
  const bool is_one = canonical != asking.repo && canonical.type == asking.repo.type;
  if (!is_one || alias == Verdict::kUnknown) co_return;
  auto keys = keys_of(asking, asking.repo);
  auto key = asking.credential.is_anonymous() ? std::move(keys.everybody) : std::move(keys.repo);
  co_await decide(std::move(key),
                  {.verdict = alias, .at = at, .leads_to = std::move(canonical.name)});
}

Access::Keys Access::keys_of(const Asking& asking, const hub::RepoId& repo) {
  // No part can hold a newline: keys of different parts never meet.
  const auto scope = asking.endpoint.scope();
  const auto caller = grant_key(scope, repo, asking.credential.key);
  // Whoever comes with a token that is no good must not take back what is for all.
  return {.everybody = grant_key(scope, repo, kEverybody),
          .repo = caller,
          .file = joined({caller, asking.file}),
          .of_all = asking.credential.shared()};
}

Access::Asking Access::asking_of(const hub::Probe& probe) {
  const auto& file = probe.file();
  // These two may hold anything: the length tells where the first one ends.
  return {.endpoint = *probe.endpoint(),
          .credential = probe.credential(),
          .repo = file.repo,
          .file = joined({std::to_string(file.revision.size()), ":", file.revision, file.path})};
}

}  // namespace hubcache::access
