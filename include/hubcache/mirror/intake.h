#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "hubcache/access/grants.h"
#include "hubcache/access/proofs.h"
#include "hubcache/base/workers.h"
#include "hubcache/catalog/catalog.h"
#include "hubcache/catalog/imported.h"
#include "hubcache/mirror/bundle.h"
#include "hubcache/store/store.h"

namespace hubcache::mirror {

/// Where imports go (SECURITY 24). Bytes come piece by piece, in order, and are stored when they
/// are what their digest says. What an import says of repos is kept under the remote's twin
/// (hub/imported.h): only requests to a remote that is offline come to it, and the Hub's own word
/// is asked first. Callable from any worker.
class Intake : public std::enable_shared_from_this<Intake> {
 public:
  /// All outlive this.
  struct Services {
    Workers& workers;
    store::Store& store;
    access::Access& access;
    access::Proofs& proofs;
    catalog::Catalog& catalog;
    catalog::Imported& imported;
  };
  explicit Intake(Services services);
  ~Intake();

  /// Which of the digests have been imported for that repo before, and are stored.
  Task<std::vector<bool>> proven(hub::EndpointPtr twin, hub::RepoId repo,
                                 std::vector<Digest> digests);

  struct Begun {
    bool stored = false;     // nothing is to be written
    std::uint64_t have = 0;  // bytes that are there from an earlier try
  };
  /// Begins with a blob, or goes on with it, space reserved. Throws what Store::stage() does. What
  /// nobody writes to for a minute is parked.
  Task<Begun> begin(Digest digest, std::uint64_t size);
  Task<> write(Digest digest, std::uint64_t offset, std::string bytes);
  /// All is written. Throws kCorrupt, and drops the bytes, when they are not what the digest says.
  Task<> end(Digest digest);

  /// Files of a commit whose bytes the importer has hashed, but for those left out. Throws
  /// kConflict when one of them is not stored any more, or another was imported for its path;
  /// `replace` as of catalog::Imported::keep_files().
  Task<> keep_files(hub::EndpointPtr twin, Description commit, bool replace);
  /// What else is known of the commit, its files left out. `readable`: by whom the guards admit.
  Task<> keep_commit(hub::EndpointPtr twin, Description commit, bool readable);

 private:
  struct Part;
  static Task<> watch(std::shared_ptr<Intake> self);
  Task<Begun> begin_here(Digest digest, std::uint64_t size);
  Task<> write_here(Digest digest, std::uint64_t offset, std::string bytes);
  Task<> end_here(Digest digest);
  std::shared_ptr<Part> part_of(const Digest& digest);
  Executor home() { return services_.workers.executor(0); }

  Services services_;
  std::map<Digest, std::shared_ptr<Part>> parts_;  // on the home worker only
  bool watching_ = false;
};

}  // namespace hubcache::mirror
