#include "files_at.h"

#include <utility>

#include "hubcache/base/error.h"

namespace hubcache::mirror {

Task<std::vector<catalog::KeptEntry>> files_at(db::Database& database,
                                               catalog::Manifests& manifests, hub::Flights& flights,
                                               catalog::Manifests::Wanted tree) {
  const auto repo = tree.request.repo;
  auto list = [key = catalog::commit_key(*tree.request.endpoint, repo, tree.commit)](
                  db::Connection& sql) { return catalog::files_of_commit(sql, key); };
  auto files = co_await database.read(list);
  if (files) co_return std::move(*files);
  co_await manifests.read(std::move(tree), flights);
  files = co_await database.read(list);
  if (files) co_return std::move(*files);
  throw Error(Error::Kind::kUpstream, "the Hub's tree of " + repo.name + " cannot be read whole");
}

}  // namespace hubcache::mirror
