// What the Hub tells about repositories: info documents and lists.
#include <algorithm>
#include <array>

#include "hubsim/api.h"

namespace hubsim {
namespace {

constexpr std::array<std::string_view, 20> kExpandable = {
    "author",       "cardData", "config",       "createdAt",   "disabled",
    "downloads",    "gated",    "lastModified", "likes",       "library_name",
    "pipeline_tag", "private",  "safetensors",  "sdk",         "sha",
    "siblings",     "spaces",   "tags",         "usedStorage", "xetEnabled"};

Json gated(const Repo& repo) {
  switch (repo.visibility.gate) {
    case Gate::kAuto:
      return "auto";
    case Gate::kManual:
      return "manual";
    case Gate::kOpen:
      break;
  }
  return false;
}

Json siblings(const Commit& commit, bool blobs, bool masked) {
  auto list = Json::array();
  for (const auto& [path, entry] : commit.files) {
    Json sibling = {{"rfilename", path}};
    if (blobs) {
      sibling["size"] = entry.blob->size();
      sibling["blobId"] = entry.oid;
      if (entry.lfs()) {
        sibling["lfs"] = {{"sha256", masked ? kMask : entry.sha256},
                          {"size", entry.blob->size()},
                          {"pointerSize", entry.pointer_size()}};
      }
    }
    list.push_back(std::move(sibling));
  }
  return list;
}

Json document(const Repo& repo, const Commit& commit, bool blobs, bool masked) {
  const auto slash = repo.id.find('/');
  Json info = {{"_id", git_object_id("blob", full_name(repo.type, repo.id)).substr(0, 24)},
               {"id", repo.id}};
  if (repo.type == RepoType::kModel) info["modelId"] = repo.id;
  if (slash != std::string::npos) info["author"] = repo.id.substr(0, slash);
  info["sha"] = commit.id;
  info["lastModified"] = iso_time(commit.time);
  info["createdAt"] = iso_time(repo.commits.front()->time);
  info["private"] = repo.visibility.is_private;
  info["gated"] = gated(repo);
  info["disabled"] = repo.visibility.disabled;
  info["downloads"] = 0;
  info["likes"] = 0;
  info["tags"] = Json::array();
  std::uint64_t used = 0;
  for (const auto& [path, entry] : commit.files) used += entry.blob->size();
  info["usedStorage"] = used;
  info["siblings"] = siblings(commit, blobs, masked);
  return info;
}

}  // namespace

Response repo_info(const ApiCall& call, std::string_view revision) {
  const auto commit = call.repo.find(revision);
  if (!commit) return revision_not_found(revision);
  auto info = document(call.repo, *commit, wants(call.request, "blobs"), call.masked());

  std::vector<std::string> asked;
  for (auto& [name, value] : parse_form(call.request.query)) {
    if (name == "expand" || name == "expand[]") asked.push_back(std::move(value));
  }
  if (asked.empty()) return json_answer(call.site, call.request, info);
  Json chosen = {{"_id", info["_id"]}, {"id", info["id"]}};
  for (const auto& name : asked) {
    if (std::find(kExpandable.begin(), kExpandable.end(), name) == kExpandable.end()) {
      std::string options;
      for (const auto& option : kExpandable) {
        options += (options.empty() ? "" : ", ") + std::string(option);
      }
      return json_error(400, "Invalid option: " + name + ". Expected one of: " + options);
    }
    if (name == "xetEnabled") {
      if (call.site.behaviour.xet) chosen[name] = true;
    } else if (info.contains(name)) {
      chosen[name] = info[name];
    }
  }
  return json_answer(call.site, call.request, chosen);
}

Response repo_list(const Site& site, const Request& request, RepoType type) {
  const auto caller = caller_of(site.world, request);
  const auto author = request.parameter("author");
  const auto search = lower_case(request.parameter("search").value_or(""));
  const auto limit = std::min<std::uint64_t>(
      number_parameter(request, "limit", site.behaviour.list_page), site.behaviour.list_page);
  const auto after = base64_decode(request.parameter("cursor").value_or(""));
  auto list = Json::array();
  std::string last;
  bool more = false;
  for (const auto* repo : site.world.list(type)) {
    if (repo->visibility.is_private && !caller.granted(*repo)) continue;
    if (author && !repo->id.starts_with(*author + "/")) continue;
    if (lower_case(repo->id).find(search) == std::string::npos) continue;
    if (!after.empty() && lower_case(repo->id) <= after) continue;
    if (list.size() == limit) {
      more = true;
      break;
    }
    const auto commit = repo->find("main");
    auto info = document(*repo, *commit, false, false);
    if (!wants(request, "full")) info.erase("siblings");
    list.push_back(std::move(info));
    last = lower_case(repo->id);
  }
  auto response = json_answer(site, request, list);
  if (more) {
    response.set("Link",
                 next_link(site, request,
                           {{"limit", std::to_string(limit)}, {"cursor", base64_encode(last)}}));
  }
  return response;
}

}  // namespace hubsim
