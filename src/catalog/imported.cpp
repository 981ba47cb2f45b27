#include "hubcache/catalog/imported.h"

#include <limits>
#include <utility>

#include "hubcache/base/error.h"
#include "hubcache/base/joined.h"
#include "hubcache/catalog/manifests.h"
#include "hubcache/hub/grammar.h"
#include "hubcache/hub/urls.h"

#include "put_file.h"
#include "tree_page.h"
#include "xet_name.h"

namespace hubcache::catalog {
namespace {

using Files = std::vector<ImportedFile>;

/// As Documents would name it.
std::string info_key(const hub::Endpoint& twin, const hub::RepoId& repo,
                     const std::string& commit) {
  const auto target = hub::info_path({.repo = repo, .revision = commit, .path = {}});
  return joined({twin.scope(), "\n", repo.key(), "\n", target, "\n\npublic"});
}

TreeFile tree_file_of(const ImportedFile& file) {
  const bool lfs = file.digest.algorithm() == Digest::Algorithm::kSha256;
  return {.path = file.path,
          .digest = file.digest,
          .size = file.size,
          .xet = lfs ? xet_name({}, file.digest) : std::string()};
}

void require_same(db::Connection& sql, const std::string& key, const ImportedFile& file) {
  auto row = sql.query("SELECT etag, size FROM entries WHERE key = ?1", key);
  if (!row.step()) return;
  const bool same =
      row.text(0) == file.digest.hex() && static_cast<std::uint64_t>(row.integer(1)) == file.size;
  if (same) return;
  throw Error(Error::Kind::kConflict, "another " + file.path +
                                          " was imported for this commit before: one of the two is "
                                          "false; if it is that one, import again with --replace");
}

}  // namespace

Task<> Imported::keep_files(hub::EndpointPtr twin, hub::RepoId repo, std::string commit,
                            Files files, bool replace) {
  auto change = [at = commit_key(*twin, repo, commit), files = std::move(files),
                 replace](db::Connection& sql) {
    for (const auto& file : files) {
      if (!replace) require_same(sql, at + '\n' + file.path, file);
      put_file(sql, at, tree_file_of(file));
    }
  };
  co_await database_.write(std::move(change));
}

Task<> Imported::keep_commit(hub::EndpointPtr twin, hub::RepoId repo, std::string commit,
                             std::string info, bool whole) {
  auto change = [at = commit_key(*twin, repo, commit), key = info_key(*twin, repo, commit),
                 info = std::move(info), commit, whole](db::Connection& sql) {
    if (whole) sql.run("INSERT OR REPLACE INTO manifests (key) VALUES (?1)", at);
    if (info.empty()) return;
    sql.run(
        "INSERT OR REPLACE INTO documents (key, at, status, code, message, content_type, etag, "
        "link, revision, total_count, body, used) VALUES (?1, 0, 200, '', '', 'application/json', "
        "'', '', ?2, '', ?3, ?4)",
        key, commit, info, std::numeric_limits<std::int64_t>::max());  // last for the trim
  };
  co_await database_.write_durable(std::move(change));
}

Task<std::optional<std::string>> Imported::commit_of(hub::EndpointPtr twin, hub::RepoId repo,
                                                     std::string revision) {
  auto query =
      [key = commit_key(*twin, repo, revision)](db::Connection& sql) -> std::optional<std::string> {
    auto row = sql.query("SELECT id FROM commits WHERE key = ?1", key);
    if (!row.step()) return std::nullopt;
    return row.text(0);
  };
  co_return co_await database_.read(std::move(query));
}

Task<std::vector<std::pair<std::string, std::string>>> Imported::revisions(hub::EndpointPtr twin,
                                                                           hub::RepoId repo) {
  auto query = [before = commit_key(*twin, repo, "")](db::Connection& sql) {
    std::vector<std::pair<std::string, std::string>> revisions;
    auto end = before;
    ++end.back();
    auto rows = sql.query("SELECT key, id FROM commits WHERE key >= ?1 AND key < ?2 ORDER BY key",
                          before, end);
    while (rows.step()) {
      auto revision = rows.text(0).substr(before.size());
      if (!hub::is_commit_id(revision)) revisions.emplace_back(std::move(revision), rows.text(1));
    }
    return revisions;
  };
  co_return co_await database_.read(std::move(query));
}

Task<std::optional<ImportedTree>> Imported::tree(hub::EndpointPtr twin, hub::RepoId repo,
                                                 std::string commit) {
  auto query = [at = commit_key(*twin, repo, commit), key = info_key(*twin, repo, commit)](
                   db::Connection& sql) -> std::optional<ImportedTree> {
    if (!sql.query("SELECT 1 FROM manifests WHERE key = ?1", at).step()) return std::nullopt;
    ImportedTree tree;
    auto row = sql.query("SELECT body FROM documents WHERE key = ?1", key);
    if (row.step()) tree.info = row.text(0);
    tree.files = files_after(sql, at, "", std::numeric_limits<std::int32_t>::max());
    return tree;
  };
  co_return co_await database_.read(std::move(query));
}

std::vector<ImportedFile> files_after(db::Connection& sql, const std::string& commit_key,
                                      const std::string& after, std::size_t limit) {
  const auto before = commit_key + '\n';
  Files files;
  auto rows = sql.query(
      "SELECT key, etag, size FROM entries WHERE key > ?1 AND key < ?2 AND present = 1 AND "
      "digest = 1 ORDER BY key LIMIT ?3",
      before + after, commit_key + static_cast<char>('\n' + 1), limit);
  while (rows.step()) {
    auto digest = Digest::from_etag(rows.text(1));
    if (!digest) continue;
    files.push_back({.path = rows.text(0).substr(before.size()),
                     .digest = *std::move(digest),
                     .size = static_cast<std::uint64_t>(rows.integer(2))});
  }
  return files;
}

}  // namespace hubcache::catalog
