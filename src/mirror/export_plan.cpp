#include "hubcache/mirror/export_plan.h"

#include <algorithm>
#include <optional>
#include <utility>

#include <nlohmann/json.hpp>

#include "hubcache/access/known_repo.h"
#include "hubcache/base/error.h"
#include "hubcache/base/joined.h"
#include "hubcache/hub/bounded_json.h"
#include "hubcache/hub/grammar.h"
#include "hubcache/hub/imported.h"
#include "hubcache/hub/urls.h"
#include "hubcache/registry/load.h"

namespace hubcache::mirror {
namespace {

using nlohmann::json;

constexpr std::string_view kUsualRemote = "huggingface";
constexpr std::size_t kMostDocuments = 100;  // of one repo that are looked at

std::string key_in(const std::string& scope, const hub::RepoId& repo, std::string_view last) {
  return joined({scope, "\n", repo.key(), "\n", last});
}

std::optional<std::string> commit_of_revision(db::Connection& sql, const std::string& scope,
                                              const hub::RepoId& repo,
                                              const std::string& revision) {
  if (hub::is_commit_id(revision)) return revision;
  auto row = sql.query("SELECT id FROM commits WHERE key = ?1", key_in(scope, repo, revision));
  if (!row.step() || row.text(0).empty()) return std::nullopt;
  return row.text(0);
}

/// Where info documents of the repo may be: of itself, and of its revisions.
bool is_of_info(std::string_view target, const std::string& path) {
  if (!target.starts_with(path)) return false;
  target.remove_prefix(path.size());
  return target.empty() || target.starts_with('?') || target.starts_with("/revision/");
}

/// What the Hub's API said of the repo at that commit, the longest that is known, without the
/// files. Null: nothing.
json info_of(db::Connection& sql, const std::string& scope, const hub::RepoId& repo,
             const std::string& commit) {
  const auto path = hub::info_path({.repo = repo, .revision = {}, .path = {}});
  const auto before = key_in(scope, repo, "");
  const auto begin = before + path;
  auto end = begin;
  ++end.back();
  auto rows = sql.query(
      "SELECT key, body FROM documents WHERE key >= ?1 AND key < ?2 AND status = 200 AND "
      "(instr(key, '/tree/') = 0) ORDER BY length(body) DESC LIMIT ?3",
      begin, end, kMostDocuments);
  while (rows.step()) {
    const auto key = rows.text(0);
    const auto target = key.substr(before.size(), key.find('\n', before.size()) - before.size());
    if (!is_of_info(target, path)) continue;
    auto document = hub::bounded_json(rows.text(1));
    if (!document.is_object()) continue;
    const auto sha = document.find("sha");
    if (sha == document.end() || *sha != commit) continue;
    document.erase("siblings");
    return document;
  }
  return nullptr;
}

bool says_open(const json& info) {
  const auto is_false = [&info](const char* field) {
    const auto found = info.find(field);
    return found != info.end() && *found == false;
  };
  return info.is_object() && is_false("private") && is_false("gated");
}

std::optional<ExportPlan> plan_within(db::Connection& sql, const std::string& scope,
                                      const hub::RepoId& repo, const std::string& revision) {
  auto known = access::known_repo(sql, scope, repo);
  const auto commit = commit_of_revision(sql, scope, known.canonical, revision);
  if (!commit) return std::nullopt;
  auto key = key_in(scope, known.canonical, *commit);
  if (!sql.query("SELECT 1 FROM manifests WHERE key = ?1", key).step()) return std::nullopt;
  const auto info = info_of(sql, scope, known.canonical, *commit);
  const bool is_public = !known.was_refused && (known.was_public || says_open(info));
  Description description{.repo = std::move(known.canonical),
                          .names = std::move(known.names),
                          .commit = *commit,
                          .is_public = is_public};
  if (revision != *commit) description.revisions.push_back(revision);
  if (info.is_object()) description.info = info.dump();
  if (description.info.size() > kLargestInfo) description.info.clear();
  return ExportPlan{.commit_key = std::move(key), .description = std::move(description)};
}

}  // namespace

hub::Endpoint endpoint_of_remote(db::Connection& sql, const std::string& name) {
  auto rows = sql.query(
      "SELECT id, epoch, name FROM resources WHERE kind = ?1 AND (?2 = '' OR name = ?2) "
      "ORDER BY name = ?3 DESC",
      registry::kRemoteKind, name, kUsualRemote);
  hub::Endpoint endpoint;
  if (!rows.step()) {
    throw Error(Error::Kind::kNotFound,
                name.empty() ? "there is no remote" : "there is no remote " + printable(name));
  }
  endpoint.remote = rows.text(0);
  endpoint.epoch = static_cast<std::uint64_t>(rows.integer(1));
  endpoint.made_scope = endpoint.scope();
  const bool is_usual = !name.empty() || rows.text(2) == kUsualRemote;
  if (!is_usual && rows.step()) {
    throw Error(Error::Kind::kBadRequest, "there are several remotes: say --remote");
  }
  return endpoint;
}

ExportPlan plan_export(db::Connection& sql, const hub::Endpoint& endpoint, const hub::RepoId& repo,
                       const std::string& revision) {
  const auto scope = endpoint.scope();
  for (const auto& within : {scope, hub::imported_scope(scope)}) {
    if (auto plan = plan_within(sql, within, repo, revision)) return *std::move(plan);
  }
  throw Error(Error::Kind::kNotFound,
              "which files " + repo.name + " has at " + printable(revision) + " is not known yet");
}

}  // namespace hubcache::mirror
