#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "hubcache/access/grants.h"
#include "hubcache/base/digest.h"
#include "hubcache/base/workers.h"
#include "hubcache/catalog/catalog.h"
#include "hubcache/catalog/entries.h"
#include "hubcache/catalog/manifests.h"
#include "hubcache/db/database.h"
#include "hubcache/fill/fills.h"
#include "hubcache/registry/registry.h"
#include "hubcache/registry/rules.h"
#include "hubcache/store/store.h"

namespace hubcache::mirror {

/// What an operator has stored before anybody asks for it: what a repo has at a revision, and one
/// file after the other. It is done by the right of the remote's credentials, or, where it has
/// none, of the token that comes with the wish, or of anybody; who may read what is stored is asked
/// for then as ever. Guards are not asked: this is not for callers. Callable from any worker.
///
/// Throws kBadRequest and kNotFound for a distribution that does not exist or stores nothing; the
/// Hub's refusals with what can be done about them; kUpstream and its like when it cannot be asked.
class Fetch {
 public:
  /// All outlive this.
  struct Services {
    Workers& workers;
    db::Database& database;
    registry::Registry& registry;
    store::Store& store;
    access::Access& access;
    catalog::Catalog& catalog;
    catalog::Manifests& manifests;
    hub::Flights& flights;
    fill::Fills& fills;
    const registry::RuleBook& rules;
    std::string token_key;  // as content::Options has it, so that a token is one caller to both
  };
  /// As of Prefetch.
  using Keep = std::function<Task<bool>(hub::EndpointPtr, hub::Credential, hub::FileRef)>;
  Fetch(Services services, Keep keep) : services_(std::move(services)), keep_(std::move(keep)) {}

  struct Wish {
    std::string base_path;  // of the distribution; empty: the root distribution
    std::string token;      // of the Hub's; empty: none
    hub::RepoId repo;
    std::string revision;
  };
  struct File {
    std::string path;
    Digest digest;
    std::uint64_t size = 0;
    bool stored = false;
  };
  struct Plan {
    hub::RepoId repo;  // in the Hub's own spelling
    std::string commit;
    std::vector<File> files;     // in the order of their paths
    std::uint64_t max_size = 0;  // that the cache may have; 0: no limit
  };
  /// All files of the revision that the rules of the distribution let be read, and which of them
  /// are stored, through this repo or another. Throws the refusal of a rule against the repo.
  Task<Plan> plan(Wish wish);

  /// Has a file stored, durably and readable through this repo, its revision a commit of plan()'s;
  /// from then on it is pinned by `holder`, if any. Throws kNoSpace when it cannot be stored.
  Task<> keep(Wish wish, File file, std::string holder);

  /// How much of each blob is there while it is being fetched; nullopt when it is not.
  Task<std::vector<std::optional<std::uint64_t>>> present(Wish wish, std::vector<Digest> digests);

 private:
  struct Site {
    hub::EndpointPtr endpoint;
    hub::Credential credential;
    registry::RulesOf rules;
  };
  Site site_of(const Wish& wish) const;
  Task<Plan> plan_at(Site site, Wish wish);

  Services services_;
  Keep keep_;
};

}  // namespace hubcache::mirror
