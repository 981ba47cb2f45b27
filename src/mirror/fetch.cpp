#include "hubcache/mirror/fetch.h"

#include <algorithm>
#include <utility>

#include "hubcache/access/caller.h"
#include "hubcache/base/error.h"
#include "hubcache/hub/refusal.h"
#include "hubcache/hub/urls.h"

#include "files_at.h"

namespace hubcache::mirror {
namespace {

// Every repo of the Hub has it, and of a gated one it is shown to nobody without a right.
constexpr const char* kAnyPath = ".gitattributes";
constexpr int kMostRounds = 2;  // what was evicted before it was pinned is fetched once more

Error no_distribution(const registry::Snapshot& snapshot, const std::string& base_path) {
  std::string known;
  for (const auto& distribution : snapshot.distributions()) {
    (known += known.empty() ? "" : ", ") += distribution.base_path;
  }
  const std::string what = base_path.empty()
                               ? "there is no root distribution"
                               : "there is no distribution with the base path " + base_path;
  return {Error::Kind::kNotFound,
          what + "; --distribution takes one of: " + (known.empty() ? "(none)" : known)};
}

std::string page_of(const hub::Endpoint& endpoint, const hub::RepoId& repo) {
  auto page = endpoint.base.text();
  if (page.ends_with('/')) page.pop_back();
  return page += hub::git_path(repo, "");
}

/// What the one who was refused can do.
std::string advice(const Error& error, const hub::Endpoint& endpoint,
                   const hub::Credential& credential, const hub::RepoId& repo) {
  const auto page = page_of(endpoint, repo);
  if (error.hub().code == "RevisionNotFound") return "look for its revisions at " + page;
  std::string who = "give a token that may read it (HF_TOKEN, or the remote's hf_token)";
  if (credential.kind == hub::Credential::Kind::kRemote) {
    who = "see that the account of the remote's credentials may read it";
  } else if (!credential.is_anonymous()) {
    who = "see that the account of the token may read it";
  }
  if (error.hub().code == "GatedRepo") return "ask for access at " + page + ", and " + who;
  return "check name and type at " + page + "; if it is private, " + who;
}

Error with_advice(const Error& error, const hub::Endpoint& endpoint,
                  const hub::Credential& credential, const hub::RepoId& repo) {
  const bool refused = error.kind() == Error::Kind::kUnauthorized ||
                       error.kind() == Error::Kind::kForbidden ||
                       error.kind() == Error::Kind::kNotFound;
  if (refused) {
    return {error.kind(),
            std::string(error.what()) + " (" + advice(error, endpoint, credential, repo) + ")",
            error.hub()};
  }
  const bool unreachable =
      error.kind() == Error::Kind::kUpstream || error.kind() == Error::Kind::kUpstreamTimeout;
  if (!unreachable) return error;
  const std::string why = endpoint.offline
                              ? "the remote is offline: see [upstream] offline and its labels"
                              : "see that " + endpoint.base.text() + " can be reached from here";
  return {error.kind(), std::string(error.what()) + " (" + why + ")", error.hub()};
}

}  // namespace

Fetch::Site Fetch::site_of(const Wish& wish) const {
  const auto snapshot = services_.registry.current(services_.workers.current());
  const auto& all = snapshot->distributions();
  const auto named = std::ranges::find(all, wish.base_path, &registry::Distribution::base_path);
  const auto root = wish.base_path.empty() ? snapshot->root() : std::nullopt;
  const auto* distribution = root ? root->distribution : nullptr;
  if (!wish.base_path.empty() && named != all.end()) distribution = &*named;
  if (distribution == nullptr) throw no_distribution(*snapshot, wish.base_path);
  const auto* remote = distribution->remote ? snapshot->remote(*distribution->remote) : nullptr;
  if (remote == nullptr) {
    throw Error(Error::Kind::kBadRequest,
                "the distribution " + distribution->name + " points to no remote: give it one");
  }
  if (remote->policy == registry::Policy::kStreamed) {
    throw Error(Error::Kind::kBadRequest, "nothing is stored through the remote " + remote->name +
                                              ": its policy is streamed, on_demand is needed");
  }
  http::Headers headers;
  if (!wish.token.empty()) headers.add("Authorization", "Bearer " + wish.token);
  return {.endpoint = remote->endpoint,
          .credential = access::credential_for(*remote->endpoint, access::Caller::of(headers),
                                               services_.token_key),
          .rules = services_.rules.of(distribution->name)};
}

Task<Fetch::Plan> Fetch::plan(Wish wish) {
  auto site = site_of(wish);
  try {
    co_return co_await plan_at(site, wish);
  } catch (const Error& error) {
    throw with_advice(error, *site.endpoint, site.credential, wish.repo);
  }
}

Task<Fetch::Plan> Fetch::plan_at(Site site, Wish wish) {
  site.rules.require_repo(wish.repo);
  hub::FileRef any{.repo = wish.repo, .revision = wish.revision, .path = kAnyPath};
  hub::Probe probe(services_.flights, site.endpoint, site.credential, std::move(any));
  const auto right = co_await services_.access.require_read(probe);
  if (right.kind == access::Right::Kind::kFile) {
    throw hub::refusal_of(403, "GatedRepo", "Only some files of this repository may be read", {});
  }
  site.rules.require_repo(right.repo);
  const auto commit = co_await services_.catalog.commit(probe);
  auto tree = catalog::Manifests::tree_at(probe.endpoint(), probe.credential(), probe.file().repo,
                                          commit.id, right.document_class());
  const auto entries = co_await files_at(services_.database, services_.manifests, services_.flights,
                                         std::move(tree));
  Plan plan{.repo = probe.file().repo,
            .commit = commit.id,
            .files = {},
            .max_size = services_.store.options().max_size};
  for (const auto& entry : entries) {
    hub::FileRef file{.repo = plan.repo, .revision = commit.id, .path = entry.path};
    if (!site.rules.admits(file, entry.size)) continue;
    const bool stored = entry.size == 0 || co_await services_.store.contains(entry.digest);
    plan.files.push_back(
        {.path = entry.path, .digest = entry.digest, .size = entry.size, .stored = stored});
  }
  co_return plan;
}

Task<> Fetch::keep(Wish wish, File file, std::string holder) {
  const auto site = site_of(wish);
  const auto origin = site.endpoint->origin_key();
  for (int round = 0; round < kMostRounds; ++round) {
    hub::FileRef which{.repo = wish.repo, .revision = wish.revision, .path = file.path};
    if (!co_await keep_(site.endpoint, site.credential, std::move(which))) break;
    if (file.size == 0) co_return;
    co_await services_.fills.wait_end(origin, file.digest);
    if (!holder.empty()) co_await services_.store.pin(file.digest, holder);
    if (co_await services_.store.contains(file.digest)) co_return;
  }
  throw Error(Error::Kind::kNoSpace,
              "it cannot be stored: make room ([storage] max_size, `hubcache ls`, `unpin`, `rm`), "
              "or see the log");
}

Task<std::vector<std::optional<std::uint64_t>>> Fetch::present(Wish wish,
                                                               std::vector<Digest> digests) {
  const auto origin = site_of(wish).endpoint->origin_key();
  std::vector<std::optional<std::uint64_t>> all;
  all.reserve(digests.size());
  for (const auto& digest : digests) {
    all.push_back(co_await services_.fills.present(origin, digest));
  }
  co_return all;
}

}  // namespace hubcache::mirror
