// What the Hub tells about the content of a repository: tree, paths-info, refs, commits.
#include <algorithm>

#include "hubsim/api.h"

namespace hubsim {
namespace {

std::string title(const Commit& commit) {
  return commit.message.substr(0, commit.message.find('\n'));
}

Json file_json(const ApiCall& call, const std::string& path, const Entry& entry, bool expand) {
  Json file = {{"type", "file"}, {"oid", entry.oid}, {"size", entry.blob->size()}};
  if (entry.lfs()) {
    file["lfs"] = {{"oid", call.masked() ? kMask : entry.sha256},
                   {"size", entry.blob->size()},
                   {"pointerSize", entry.pointer_size()}};
    if (call.site.behaviour.xet) file["xetHash"] = call.masked() ? kMask : entry.xet_hash;
  }
  file["path"] = path;
  if (expand) {
    const auto& commit = *call.repo.commits.at(entry.changed_in);
    file["lastCommit"] = {
        {"id", commit.id}, {"title", title(commit)}, {"date", iso_time(commit.time)}};
    file["securityFileStatus"] = {{"status", "safe"},
                                  {"avScan", {{"virusFound", false}, {"virusNames", nullptr}}},
                                  {"pickleImportScan", nullptr}};
  }
  return file;
}

Json directory_json(const ApiCall& call, const Commit& commit, const std::string& path,
                    const std::string& oid, bool expand) {
  Json directory = {{"type", "directory"}, {"oid", oid}, {"size", 0}, {"path", path}};
  if (!expand) return directory;
  std::size_t newest = 0;
  for (auto at = commit.files.lower_bound(path + "/"); at != commit.files.end(); ++at) {
    if (!at->first.starts_with(path + "/")) break;
    newest = std::max(newest, at->second.changed_in);
  }
  const auto& last = *call.repo.commits.at(newest);
  directory["lastCommit"] = {
      {"id", last.id}, {"title", title(last)}, {"date", iso_time(last.time)}};
  return directory;
}

// The last path of the page before, from a cursor of ours or one made by hand (contract 1.12).
std::string after_cursor(const Request& request) {
  const auto cursor = base64_decode(request.parameter("cursor").value_or(""));
  const auto json = base64_decode(cursor.substr(0, cursor.rfind(':')));
  const auto parsed = Json::parse(json, nullptr, false);
  return parsed.is_object() ? parsed.value("file_name", "") : "";
}

std::string cursor_after(const std::string& path, const std::string& tree, std::uint64_t limit) {
  const Json where = {{"file_name", path}, {"tree_oid", tree}};
  return base64_encode(base64_encode(where.dump()) + ":" + std::to_string(limit));
}

struct PathsAsked {
  std::vector<std::string> paths;
  bool expand = false;
};

PathsAsked paths_asked(const Request& request) {
  PathsAsked asked;
  if (request.header("content-type").find("json") == std::string::npos) {
    for (auto& [name, value] : parse_form(request.body)) {
      if (name == "paths" || name == "paths[]") asked.paths.push_back(std::move(value));
      if (name == "expand") asked.expand = value == "true" || value == "True";
    }
    return asked;
  }
  const auto body = Json::parse(request.body, nullptr, false);
  if (!body.is_object()) return asked;
  asked.expand = body.value("expand", false);
  if (body.contains("paths") && body["paths"].is_string()) {
    asked.paths.push_back(body["paths"]);
  } else if (body.contains("paths")) {
    for (const auto& path : body["paths"]) asked.paths.push_back(path);
  }
  return asked;
}

}  // namespace

Response tree(ApiCall call) {
  const auto revision = take_revision(call.rest);
  const auto commit = call.repo.find(revision);
  if (!commit) return revision_not_found(revision);
  const auto root = decoded_path(call.rest);
  const auto directory = commit->directories.find(root);
  if (directory == commit->directories.end()) return entry_not_found(commit->id, true);

  const bool expand = wants(call.request, "expand");
  const bool recursive = wants(call.request, "recursive");
  const std::uint64_t page =
      expand ? call.site.behaviour.expanded_tree_page : call.site.behaviour.tree_page;
  const auto limit =
      std::clamp<std::uint64_t>(number_parameter(call.request, "limit", page), 1, page);
  const auto prefix = root.empty() ? root : root + "/";
  const auto inside = [&](const std::string& path) {
    return path.size() > prefix.size() && path.starts_with(prefix) &&
           (recursive || path.find('/', prefix.size()) == std::string::npos);
  };

  // Files and directories are both in the order of a listing: merge them.
  auto list = Json::array();
  std::string last;
  const auto start = std::max(after_cursor(call.request), prefix, PathLess{});
  auto file = commit->files.upper_bound(start);
  auto folder = commit->directories.upper_bound(start);
  bool more = false;
  while (file != commit->files.end() || folder != commit->directories.end()) {
    const bool take_file = folder == commit->directories.end() ||
                           (file != commit->files.end() && PathLess{}(file->first, folder->first));
    const auto& path = take_file ? file->first : folder->first;
    if (inside(path)) {
      if (list.size() == limit) {
        more = true;
        break;
      }
      list.push_back(take_file ? file_json(call, path, file->second, expand)
                               : directory_json(call, *commit, path, folder->second, expand));
      last = path;
    }
    take_file ? static_cast<void>(++file) : static_cast<void>(++folder);
  }
  auto response = json_answer(call.site, call.request, list);
  if (more) {
    response.set("Link", next_link(call.site, call.request,
                                   {{"limit", std::to_string(limit)},
                                    {"cursor", cursor_after(last, directory->second, limit)}}));
  }
  return response;
}

Response paths_info(ApiCall call) {
  const auto revision = take_revision(call.rest);
  const auto commit = call.repo.find(revision);
  if (!commit) return revision_not_found(revision);
  const auto asked = paths_asked(call.request);
  auto list = Json::array();
  for (const auto& path : asked.paths) {
    const auto file = commit->files.find(path);
    const auto folder = commit->directories.find(path);
    if (file != commit->files.end()) {
      list.push_back(file_json(call, path, file->second, asked.expand));
    } else if (folder != commit->directories.end() && !path.empty()) {
      list.push_back(directory_json(call, *commit, path, folder->second, asked.expand));
    }
  }
  return json_answer(call.site, call.request, list);
}

Response refs(const ApiCall& call) {
  Json answer = {{"branches", Json::array()}, {"converts", Json::array()}, {"tags", Json::array()}};
  const bool pull_requests = wants(call.request, "include_prs");
  if (pull_requests) answer["pullRequests"] = Json::array();
  const auto add = [&](const char* list, std::string_view name, const auto& ref) {
    answer[list].push_back({{"name", name}, {"ref", ref.first}, {"targetCommit", ref.second}});
  };
  for (const auto& ref : call.repo.refs) {
    const std::string_view name = ref.first;
    if (name.starts_with("refs/heads/")) add("branches", name.substr(11), ref);
    if (name.starts_with("refs/tags/")) add("tags", name.substr(10), ref);
    if (name.starts_with("refs/convert/")) add("converts", name.substr(13), ref);
    if (pull_requests && name.starts_with("refs/pr/")) add("pullRequests", name.substr(8), ref);
  }
  return json_answer(call.site, call.request, answer);
}

Response commits(ApiCall call) {
  if (auto refusal = refuse_files(call.caller, call.repo, true)) return *refusal;
  const auto revision = take_revision(call.rest);
  auto commit = call.repo.find(revision);
  if (!commit) return revision_not_found(revision);
  std::vector<std::shared_ptr<const Commit>> history;
  for (; commit; commit = commit->parent.empty() ? nullptr : call.repo.find(commit->parent)) {
    history.push_back(commit);
  }
  const std::uint64_t most = std::max<std::uint64_t>(call.site.behaviour.commits_page, 1);
  const auto limit = std::max<std::uint64_t>(number_parameter(call.request, "limit", most), 1);
  const auto page = number_parameter(call.request, "p", 0);
  const bool formatted = call.request.query.find("formatted") != std::string::npos;
  auto authors = Json::array();
  authors.push_back({{"user", "hubsim"}});
  auto list = Json::array();
  for (auto i = page * limit; i < std::min<std::uint64_t>(history.size(), (page + 1) * limit);
       ++i) {
    const auto& one = *history[i];
    const auto body = one.message.find('\n') == std::string::npos
                          ? std::string()
                          : one.message.substr(one.message.find('\n') + 1);
    Json json = {{"id", one.id},
                 {"title", title(one)},
                 {"message", body},
                 {"authors", authors},
                 {"date", iso_time(one.time)}};
    if (formatted) json["formatted"] = {{"title", title(one)}, {"message", body}};
    list.push_back(std::move(json));
  }
  auto response = json_answer(call.site, call.request, list);
  response.set("X-Total-Count", std::to_string(history.size()));
  if ((page + 1) * limit < history.size()) {
    response.set("Link",
                 next_link(call.site, call.request,
                           {{"p", std::to_string(page + 1)}, {"limit", std::to_string(limit)}}));
  }
  return response;
}

}  // namespace hubsim
