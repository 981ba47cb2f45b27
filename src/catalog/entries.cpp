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
  for (const auto type : hub::kRepoTypes) {
    const auto begin = hub::RepoId{.type = type}.key();
    if (key.starts_with(begin)) return {.type = type, .name = key.substr(begin.size())};
  }
  return {.type = hub::RepoType::kModel, .name = key};
}

/// Of a row of key, etag and size.
std::optional<KeptEntry> entry_of(const db::Statement& row) {
  auto digest = Digest::from_etag(row.text(1));
  if (!digest) return std::nullopt;
  auto [scope, repo, commit, path] = parts_of(row.text(0));
  return KeptEntry{.key = row.text(0),
                   .scope = std::move(scope),
                   .repo = repo_of(repo),
                   .commit = std::move(commit),
                   .path = std::move(path),
                   .digest = std::move(*digest),
                   .size = static_cast<std::uint64_t>(row.integer(2))};
}

/// The keys that begin with `part` and a newline: from the first text to before the second.
std::pair<std::string, std::string> range_below(std::string_view part) {
  const std::string text(part);
  return {text + '\n', text + static_cast<char>('\n' + 1)};
}

}  // namespace

void each_entry(db::Connection& sql, const std::function<void(const KeptEntry&)>& take) {
  auto rows = sql.query("SELECT key, etag, size FROM entries WHERE present = 1 AND digest = 1");
  while (rows.step()) {
    if (const auto entry = entry_of(rows)) take(*entry);
  }
}

std::optional<std::vector<KeptEntry>> files_of_commit(db::Connection& sql,
                                                      std::string_view commit_key) {
  if (!sql.query("SELECT 1 FROM manifests WHERE key = ?1", commit_key).step()) return std::nullopt;
  const auto [begin, end] = range_below(commit_key);
  std::vector<KeptEntry> files;
  auto rows = sql.query(
      "SELECT key, etag, size FROM entries WHERE key >= ?1 AND key < ?2 AND present = 1 AND "
      "digest = 1",
      begin, end);
  while (rows.step()) {
    if (auto entry = entry_of(rows)) files.push_back(std::move(*entry));
  }
  return files;
}

std::vector<std::string> lost_scopes(db::Connection& sql) {
  std::vector<std::string> scopes;
  auto rows = sql.query(
      "SELECT substr(key, 1, instr(key, char(10)) - 1) AS scope FROM entries "
      "UNION SELECT substr(key, 1, instr(key, char(10)) - 1) FROM commits "
      "UNION SELECT substr(key, 1, instr(key, char(10)) - 1) FROM named_blobs "
      "EXCEPT SELECT id || '/' || epoch FROM resources WHERE kind = 'remote' "
      "EXCEPT SELECT id || '/' || epoch || '/imported' FROM resources WHERE kind = 'remote'");
  while (rows.step()) scopes.push_back(rows.text(0));
  return scopes;
}

std::int64_t forget_manifest(db::Connection& sql, std::string_view commit_key) {
  sql.run("DELETE FROM manifest_walks WHERE key = ?1", commit_key);
  return sql.run("DELETE FROM manifests WHERE key = ?1", commit_key);
}

std::int64_t remove_entries(db::Connection& sql, std::string_view scope, std::int64_t limit) {
  const auto [begin, end] = range_below(scope);
  sql.run("DELETE FROM manifest_walks WHERE key >= ?1 AND key < ?2", begin, end);
  sql.run("DELETE FROM manifests WHERE key >= ?1 AND key < ?2", begin, end);
  sql.run("DELETE FROM commits WHERE key >= ?1 AND key < ?2", begin, end);
  sql.run("DELETE FROM named_blobs WHERE key >= ?1 AND key < ?2", begin, end);
  return sql.run(
      "DELETE FROM entries WHERE key IN "
      "(SELECT key FROM entries WHERE key >= ?1 AND key < ?2 LIMIT ?3)",
      begin, end, limit);
}

bool remove_entry(db::Connection& sql, std::string_view key) {
  const auto [scope, repo, commit, path] = parts_of(key);
  forget_manifest(sql, joined({scope, "\n", repo, "\n", commit}));
  return sql.run("DELETE FROM entries WHERE key = ?1", key) > 0;
}

}  // namespace hubcache::catalog
