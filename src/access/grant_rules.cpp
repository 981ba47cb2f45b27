// What Access's memory means at this time.
#include <algorithm>
#include <utility>

#include "hubcache/access/grants.h"
#include "hubcache/base/http_status.h"

namespace hubcache::access {
namespace {

using std::chrono::milliseconds;

}  // namespace

bool Access::fresh(const Decision& decision, milliseconds ttl) const {
  const auto now = clock_.now();
  return decision.at <= now && now - decision.at < ttl;
}

bool Access::granted(const Decision& decision, milliseconds ttl) const {
  return decision.verdict == Verdict::kImported ||
         (decision.verdict == Verdict::kGranted && fresh(decision, ttl));
}

WallTime Access::end_of(const Decision& decision, milliseconds ttl) const {
  return (decision.verdict == Verdict::kImported ? clock_.now() : decision.at) + ttl;
}

/// The name that was asked is still the repo's, or leads there.
bool Access::leads(const Known& known, Use use, milliseconds beyond) const {
  if (!known.alias.is_alias() || known.alias.verdict == Verdict::kImportedAlias) return true;
  const bool good = known.alias.verdict == Verdict::kAlias || use == Use::kDocuments;
  return good && fresh(known.alias, known.alias_ttl + beyond);
}

bool Access::refused(const Known& known, Use use) const {
  return leads(known, use) && known.repo.verdict == Verdict::kRefused &&
         fresh(known.repo, options_.refusal_ttl);
}

std::optional<Right> Access::repo_right(const Known& known, Use use, milliseconds beyond) const {
  if (!leads(known, use, beyond)) return std::nullopt;
  const auto gives = [this, use](const Decision& decision, milliseconds ttl) {
    const bool documents = use == Use::kDocuments && decision.verdict == Verdict::kDocumentsOnly;
    return granted(decision, ttl) || (documents && fresh(decision, ttl));
  };
  const auto longer = std::max(beyond, milliseconds::zero());
  if (gives(known.everybody, options_.public_ttl + beyond)) {
    return Right{.kind = Right::Kind::kPublic,
                 .repo = known.name,
                 .until = end_of(known.everybody, options_.public_ttl + longer)};
  }
  if (gives(known.repo, options_.grant_ttl + beyond)) {
    return Right{.kind = Right::Kind::kRepo,
                 .repo = known.name,
                 .until = known.repo.at + options_.grant_ttl + longer};
  }
  return std::nullopt;
}

// A closed gate says nothing against the few files that are open though gated; a repo that is gone
// takes all its files along.
bool Access::file_granted(const Known& known, milliseconds beyond) const {
  const bool gone = known.repo.refusal.status != 0 && known.repo.at > known.file.at &&
                    known.repo.refusal.code != "GatedRepo";
  return !gone && leads(known, Use::kFiles, beyond) &&
         granted(known.file, options_.grant_ttl + beyond);
}

Right Access::file_right(const Known& known, milliseconds beyond) const {
  return {.kind = Right::Kind::kFile,
          .repo = known.name,
          .until = known.file.at + options_.grant_ttl + beyond};
}

std::optional<Right> Access::stale_right(const Known& known, Use use) const {
  auto right = repo_right(known, use, options_.stale_grants);
  if (!right && file_granted(known, options_.stale_grants)) {
    right = file_right(known, options_.stale_grants);
  }
  if (right) right->stale = true;
  return right;
}

/// A HEAD ended at `canonical` too, not long ago.
bool Access::seen_by_head(const Known& known, const hub::Credential& credential,
                          const hub::RepoId& canonical) const {
  const auto& before = credential.is_anonymous() ? known.everybody : known.repo;
  return known.name == canonical && leads(known, Use::kFiles, options_.stale_grants) &&
         granted(before, options_.public_ttl + options_.stale_grants);
}

/// A fresh yes to the repo's documents, of the same credential, spares the auth-check.
std::optional<hub::RepoAnswer> Access::remembered_yes(const hub::Probe& probe,
                                                      const Known& known) const {
  const bool anonymous = probe.credential().is_anonymous();
  const auto& decision = anonymous ? known.everybody : known.repo;
  const auto ttl = anonymous ? options_.public_ttl : options_.grant_ttl;
  const bool yes = leads(known, Use::kDocuments) && decision.verdict == Verdict::kDocumentsOnly &&
                   fresh(decision, ttl);
  if (!yes) return std::nullopt;
  return hub::RepoAnswer{
      .status = http_status::kOk, .canonical = known.name, .error_code = {}, .error_message = {}};
}

}  // namespace hubcache::access
