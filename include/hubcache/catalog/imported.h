#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "hubcache/base/digest.h"
#include "hubcache/db/database.h"
#include "hubcache/hub/hub.h"

namespace hubcache::catalog {

/// A file at a commit, as an export has it. What Xet calls it is left out: that could not be
/// proven, and clients keep bytes by it. It is called as where the Hub does not tell.
struct ImportedFile {
  std::string path;
  Digest digest;
  std::uint64_t size = 0;
  auto operator<=>(const ImportedFile&) const = default;
};

/// All that was imported of one commit.
struct ImportedTree {
  std::vector<ImportedFile> files;  // by their paths
  std::string info;                 // what the Hub's API says of the repo, without its files; JSON
};

/// What `hubcache import` brought, under the scope of an imported twin (hub/imported.h): rows of
/// entries, commits and manifests as the Hub's own, and one document a commit. Endpoints are twins.
/// Callable from any worker.
class Imported {
 public:
  explicit Imported(db::Database& database) : database_(database) {}

  /// Files of a commit, some at a time. With `replace` what was imported before of these paths is
  /// replaced, which workers of a running server may not see before its end. Throws kConflict when
  /// it was another file, and nothing of these is kept.
  Task<> keep_files(hub::EndpointPtr twin, hub::RepoId repo, std::string commit,
                    std::vector<ImportedFile> files, bool replace);
  /// After keep_files(): what else is known. `whole`: these are all files of the commit, so that
  /// other paths are absent. Durable, as are the files, on return.
  Task<> keep_commit(hub::EndpointPtr twin, hub::RepoId repo, std::string commit, std::string info,
                     bool whole);

  /// The commit a revision stands for, as Catalog::learn_commit() was told; nullopt: unknown.
  Task<std::optional<std::string>> commit_of(hub::EndpointPtr twin, hub::RepoId repo,
                                             std::string revision);
  /// (revision, commit): all that is known but commit ids.
  Task<std::vector<std::pair<std::string, std::string>>> revisions(hub::EndpointPtr twin,
                                                                   hub::RepoId repo);
  /// nullopt unless all files of the commit are known.
  Task<std::optional<ImportedTree>> tree(hub::EndpointPtr twin, hub::RepoId repo,
                                         std::string commit);

 private:
  db::Database& database_;
};

/// The files of a commit, by its key, whose paths come after `after`, `limit` at most, by their
/// paths. For whatever scope the key has.
std::vector<ImportedFile> files_after(db::Connection& sql, const std::string& commit_key,
                                      const std::string& after, std::size_t limit);

}  // namespace hubcache::catalog
