#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "hubcache/base/digest.h"
#include "hubcache/db/connection.h"
#include "hubcache/hub/types.h"

namespace hubcache::catalog {

/// An entry whose digest is known, as its row has it.
struct KeptEntry {
  std::string key;    // of the row
  std::string scope;  // of the endpoint: remote and epoch
  hub::RepoId repo{};
  std::string commit;
  std::string path;
  Digest digest;
  std::uint64_t size = 0;
};
/// All of them, in a transaction of the caller's. For lists that are read now and then: it looks at
/// every row.
void each_entry(db::Connection& sql, const std::function<void(const KeptEntry&)>& take);

/// The files of a commit, by the key of its manifest, that have a digest; nullopt while its
/// manifest is not known.
std::optional<std::vector<KeptEntry>> files_of_commit(db::Connection& sql,
                                                      std::string_view commit_key);

/// Has to be called before rows of a commit's entries go: while its manifest is known, a path
/// without a row is absent, and a reading of it that is under way will not be whole. Says how many
/// manifests went.
std::int64_t forget_manifest(db::Connection& sql, std::string_view commit_key);

/// Scopes of which something is known though no remote has them any more: the remote is gone, or
/// has another hub or token by now. Looks at every row.
std::vector<std::string> lost_scopes(db::Connection& sql);
/// Removes all that is known under the scope, of its entries at most `limit`; says how many.
std::int64_t remove_entries(db::Connection& sql, std::string_view scope, std::int64_t limit);
/// Removes one entry by its key; false when there is none. What the memory of a worker has of it
/// stays until it is forgotten there.
bool remove_entry(db::Connection& sql, std::string_view key);

}  // namespace hubcache::catalog
