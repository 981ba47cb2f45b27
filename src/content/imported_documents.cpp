#include "hubcache/content/imported_documents.h"

#include <set>
#include <string>
#include <utility>

#include <nlohmann/json.hpp>

#include "hubcache/content/lfs_pointer.h"
#include "hubcache/content/paths_info.h"
#include "hubcache/http/url.h"
#include "hubcache/hub/imported.h"
#include "hubcache/hub/refusal.h"

#include "flag.h"

namespace hubcache::content {
namespace {

using Json = nlohmann::json;
using Answer = std::shared_ptr<const hub::DocumentAnswer>;

// Of directories nothing is known but their names.
constexpr std::string_view kUnknownOid = "0000000000000000000000000000000000000000";

Error not_told() {
  return {Error::Kind::kUpstream, "hubcache is offline, and what was imported does not tell this"};
}

Json file_json(const catalog::ImportedFile& file) {
  Json json{{"type", "file"}, {"path", file.path}, {"size", file.size}};
  if (file.digest.algorithm() != Digest::Algorithm::kSha256) {
    json["oid"] = file.digest.hex();
    return json;
  }
  const auto pointer = lfs_pointer(file.digest.hex(), file.size);
  json["oid"] = git_digest(pointer).hex();
  json["lfs"] = {{"oid", file.digest.hex()}, {"size", file.size}, {"pointerSize", pointer.size()}};
  json["xetHash"] = file.digest.hex();  // as a HEAD of it tells
  return json;
}

Json sibling_json(const catalog::ImportedFile& file, bool with_blobs) {
  Json sibling{{"rfilename", file.path}};
  if (!with_blobs) return sibling;
  const auto json = file_json(file);
  sibling["size"] = file.size;
  sibling["blobId"] = json.at("oid");
  if (const auto lfs = json.find("lfs"); lfs != json.end()) {
    sibling["lfs"] = {{"sha256", lfs->at("oid")},
                      {"size", lfs->at("size")},
                      {"pointerSize", lfs->at("pointerSize")}};
  }
  return sibling;
}

bool has_flag(std::string_view query, std::string_view flag) {
  for (const auto& [name, value] : http::parse_pairs(query)) {
    if (name == flag) return is_on(value);
  }
  return false;
}

Json directory_json(std::string path) {
  return {{"type", "directory"}, {"path", std::move(path)}, {"oid", kUnknownOid}, {"size", 0}};
}

Answer answer_of(const Json& document, const hub::Route& asked, const std::string& commit) {
  auto answer = std::make_shared<hub::DocumentAnswer>();
  answer->status = 200;
  answer->content_type = "application/json; charset=utf-8";
  answer->commit = commit;
  answer->canonical = asked.file.repo;
  auto text = document.dump(-1, ' ', false, Json::error_handler_t::replace);
  answer->etag = "W/\"" + git_digest(text).hex() + '"';
  answer->body = std::move(text);
  return answer;
}

Json info_json(const catalog::ImportedTree& tree, const hub::RepoId& repo,
               const std::string& commit, bool with_blobs) {
  Json info{{"private", false}, {"gated", false}, {"disabled", false},
            {"downloads", 0},   {"likes", 0},     {"tags", Json::array()}};
  const auto told = Json::parse(tree.info, nullptr, false);
  if (told.is_object()) info.update(told);
  info["id"] = repo.name;
  info["sha"] = commit;
  auto siblings = Json::array();
  for (const auto& file : tree.files) siblings.push_back(sibling_json(file, with_blobs));
  info["siblings"] = std::move(siblings);
  return info;
}

/// What is below a folder ("" or with a slash at its end); nullopt: there is no such folder.
std::optional<Json> tree_json(const std::vector<catalog::ImportedFile>& files,
                              const std::string& folder, bool recursive) {
  std::set<std::string> folders;
  auto list = Json::array();
  for (const auto& file : files) {
    if (!file.path.starts_with(folder)) continue;
    for (auto slash = file.path.find('/', folder.size()); slash != std::string::npos;
         slash = file.path.find('/', slash + 1)) {
      auto path = file.path.substr(0, slash);
      if (folders.insert(path).second) list.push_back(directory_json(std::move(path)));
      if (!recursive) break;
    }
    if (recursive || file.path.find('/', folder.size()) == std::string::npos) {
      list.push_back(file_json(file));
    }
  }
  if (list.empty() && !folder.empty()) return std::nullopt;
  return list;
}

Json paths_json(const std::vector<catalog::ImportedFile>& files, std::string_view form) {
  std::set<std::string> wanted;
  for (auto& [name, value] : http::parse_pairs(form)) {
    if (name == "paths") wanted.insert(std::move(value));
  }
  auto list = Json::array();
  std::set<std::string> folders;
  for (const auto& file : files) {
    if (wanted.contains(file.path)) list.push_back(file_json(file));
    for (auto end = file.path.find('/'); end != std::string::npos;
         end = file.path.find('/', end + 1)) {
      auto folder = file.path.substr(0, end);
      if (!wanted.contains(folder) || !folders.insert(folder).second) continue;
      list.push_back(directory_json(std::move(folder)));
    }
  }
  return list;
}

Json refs_json(const std::vector<std::pair<std::string, std::string>>& revisions) {
  auto branches = Json::array();
  for (const auto& [name, commit] : revisions) {
    branches.push_back({{"name", name}, {"ref", "refs/heads/" + name}, {"targetCommit", commit}});
  }
  return {{"branches", std::move(branches)}, {"tags", Json::array()}, {"converts", Json::array()}};
}

/// What is asked of a commit that was imported, the request left out: the work outlives it.
struct Question {
  hub::Route asked;
  std::string commit;
  std::string query;
  std::string form{};  // of paths-info
};

Answer answer_of(const catalog::ImportedTree& tree, const Question& question) {
  const auto& [asked, commit, query, form] = question;
  if (asked.kind == hub::Route::Kind::kInfo) {
    const auto info = info_json(tree, asked.file.repo, commit, has_flag(query, "blobs"));
    return answer_of(info, asked, commit);
  }
  if (asked.kind == hub::Route::Kind::kPathsInfo) {
    return answer_of(paths_json(tree.files, form), asked, commit);
  }
  const auto folder = asked.file.path.empty() ? std::string() : asked.file.path + '/';
  const auto list = tree_json(tree.files, folder, has_flag(query, "recursive"));
  if (!list) throw hub::refusal_of(404, "EntryNotFound", "Entry not found", commit);
  return answer_of(*list, asked, commit);
}

}  // namespace

Task<Answer> imported_document(Services& services, const http::Request& request, const Place& place,
                               hub::Route asked) {
  const auto& repo = asked.file.repo;
  if (asked.kind == hub::Route::Kind::kRefs) {
    const auto revisions = co_await services.imported.revisions(place.endpoint, repo);
    co_return answer_of(refs_json(revisions), asked, "");
  }
  if (asked.kind == hub::Route::Kind::kCommits) throw not_told();
  const std::string revision = asked.file.revision.empty() ? "main" : asked.file.revision;
  const auto commit = co_await services.imported.commit_of(place.endpoint, repo, revision);
  if (!commit) throw not_told();
  auto tree = co_await services.imported.tree(place.endpoint, repo, *commit);
  if (!tree) throw not_told();
  Question question{
      .asked = std::move(asked), .commit = *commit, .query = std::string(request.query())};
  if (question.asked.kind == hub::Route::Kind::kPathsInfo) question.form = paths_info_form(request);
  auto make = [tree = *std::move(tree), question = std::move(question)] {
    return answer_of(tree, question);
  };
  co_return co_await offload(services.pool, std::move(make));
}

}  // namespace hubcache::content
