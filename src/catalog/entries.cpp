#include "hubcache/catalog/entries.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "hubcache/base/joined.h"

namespace hubcache::catalog {
namespace {

/// The parts of "scope\nrepo\ncommit\npath"; a path may hold newlines.
std::array<std::string, 4> parts_of(std::string_view key) {
  std::array<std::string, 4> parts;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const auto end = i + 1 < parts.size() ? key.find('\n') : key.size();
    parts[i] = key.substr(0, end);
    key.remove_prefix(end == std::string_view::npos ? key.size() : std::min(end + 1, key.size()));
  }
  return parts;
}

/// Reads RepoId::key().
hub::RepoId repo_of(const std::string& key) {
  for (const auto type : {hub::RepoType::kModel, hub::RepoType::kDataset, hub::RepoType::kSpace,
                          hub::RepoType::kKernel}) {
    const auto begin = hub::RepoId{.type = type}.key();
    if (key.starts_with(begin)) return {.type = type, .name = key.substr(begin.size())};
  }
  return {.type = hub::RepoType::kModel, .name = key};
}

}  // namespace

void each_entry(db::Connection& sql, const std::function<void(const KeptEntry&)>& take) {
  auto rows = sql.query("SELECT key, etag, size FROM entries WHERE present = 1 AND digest = 1");
  while (rows.step()) {
    auto digest = Digest::from_etag(rows.text(1));
    if (!digest) continue;
    auto [scope, repo, commit, path] = parts_of(rows.text(0));
    take({.key = rows.text(0),
          .scope = std::move(scope),
          .repo = repo_of(repo),
          .commit = std::move(commit),
          .path = std::move(path),
          .digest = std::move(*digest),
          .size = static_cast<std::uint64_t>(rows.integer(2))});
  }
}

std::vector<std::string> lost_scopes(db::Connection& sql) {
  std::vector<std::string> scopes;
  auto rows = sql.query(
      "SELECT substr(key, 1, instr(key, char(10)) - 1) AS scope FROM entries "
      "UNION SELECT substr(key, 1, instr(key, char(10)) - 1) FROM commits "
      "EXCEPT SELECT id || '/' || epoch FROM resources WHERE kind = 'remote'");
  while (rows.step()) scopes.push_back(rows.text(0));
  return scopes;
}

std::int64_t remove_entries(db::Connection& sql, std::string_view scope, std::int64_t limit) {
  const auto begin = std::string(scope) + '\n';
  const auto end = std::string(scope) + static_cast<char>('\n' + 1);
  sql.run("DELETE FROM manifests WHERE key >= ?1 AND key < ?2", begin, end);
  sql.run("DELETE FROM commits WHERE key >= ?1 AND key < ?2", begin, end);
  return sql.run(
      "DELETE FROM entries WHERE key IN "
      "(SELECT key FROM entries WHERE key >= ?1 AND key < ?2 LIMIT ?3)",
      begin, end, limit);
}

// The manifest goes first: without it the path is not absent but unknown.
bool remove_entry(db::Connection& sql, std::string_view key) {
  const auto [scope, repo, commit, path] = parts_of(key);
  sql.run("DELETE FROM manifests WHERE key = ?1", joined({scope, "\n", repo, "\n", commit}));
  return sql.run("DELETE FROM entries WHERE key = ?1", key) > 0;
}

}  // namespace hubcache::catalog
