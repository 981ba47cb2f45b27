// Files by what Xet calls them.
#include <utility>

#include "hubcache/base/joined.h"
#include "hubcache/catalog/catalog.h"

namespace hubcache::catalog {

Task<std::optional<std::string>> Catalog::path_of_xet(hub::EndpointPtr endpoint,
                                                      hub::Credential credential, hub::RepoId repo,
                                                      std::string commit, std::string xet,
                                                      std::string_view kind,
                                                      hub::Flights& flights) {
  const auto at = commit_key(*endpoint, repo, commit);
  auto path = co_await recall_xet_path(at, xet);
  if (path || kind == kRefusedClass) co_return path;
  auto wanted =
      Manifests::tree_at(std::move(endpoint), std::move(credential), repo, std::move(commit), kind);
  co_await manifests_.walk(std::move(wanted), flights);
  co_return co_await recall_xet_path(at, std::move(xet));
}

Task<std::optional<std::string>> Catalog::recall_xet_path(std::string commit, std::string xet) {
  std::string key = joined({commit, "\n", xet});
  if (const auto* remembered = here().xet_paths.find(key)) co_return *remembered;
  // Keys of the commit's entries lie between these two: a path follows the newline.
  auto query = [xet = std::move(xet), after = commit + '\n',
                before = commit + '\v'](db::Connection& sql) -> std::optional<std::string> {
    auto rows = sql.query(
        "SELECT key FROM entries WHERE xet = ?1 AND xet <> '' AND key > ?2 AND key < ?3 LIMIT 1",
        xet, after, before);
    if (!rows.step()) return std::nullopt;
    return rows.text(0).substr(after.size());
  };
  auto path = co_await database_.read(std::move(query));
  if (path) here().xet_paths.put(std::move(key), *path);
  co_return path;
}

}  // namespace hubcache::catalog
