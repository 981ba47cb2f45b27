#include "hubcache/hub/urls.h"

#include "hubcache/base/error.h"
#include "hubcache/hub/grammar.h"

namespace hubcache::hub {
namespace {

std::string api_path(const RepoId& repo) {
  std::string path = "/api/";
  path += api_segment(repo.type);
  path += '/';
  return path += http::percent_encode(repo.name, "/");
}

std::string registry_path(const RepoId& repo) {
  return "/v2/" + http::percent_encode(repo.name, "/");
}

std::string_view without_trailing_slashes(std::string_view path) {
  while (path.ends_with('/')) path.remove_suffix(1);
  return path;
}

}  // namespace

std::string resolve_path(const FileRef& file) {
  if (file.door == Door::kRegistry) return registry_path(file.repo) + "/blobs/" + file.path;
  if (file.door == Door::kLfs) {
    const auto hex = file.path.substr(file.path.find(':') + 1);
    return git_path(file.repo, ".git/info/lfs/objects/" + hex);
  }
  std::string path = git_path(file.repo, "/resolve/");
  if (!file.revision.empty()) (path += http::percent_encode(file.revision)) += '/';
  return path += http::percent_encode(file.path, "/");
}

std::string info_path(const FileRef& file) {
  std::string path = api_path(file.repo);
  if (!file.revision.empty()) (path += "/revision/") += http::percent_encode(file.revision);
  return path;
}

std::string tree_path(const FileRef& file) {
  std::string path = api_path(file.repo);
  (path += "/tree/") += http::percent_encode(file.revision);
  if (!file.path.empty()) (path += '/') += http::percent_encode(file.path, "/");
  return path;
}

std::string api_path_of(std::string path, const RepoId& repo, const RepoId& other) {
  const auto before = api_path(repo);
  const bool is_its =
      path.starts_with(before) && (path.size() == before.size() || path[before.size()] == '/');
  if (is_its) path.replace(0, before.size(), api_path(other));
  return path;
}

std::string git_path(const RepoId& repo, std::string_view below) {
  std::string path = "/";
  if (repo.type != RepoType::kModel) (path += api_segment(repo.type)) += '/';
  path += http::percent_encode(repo.name, "/");
  return path += below;
}

std::string manifest_path(const RepoId& repo, std::string_view tag) {
  return registry_path(repo) + "/manifests/" + http::percent_encode(tag);
}

std::string auth_check_path(const RepoId& repo) { return api_path(repo) + "/auth-check"; }

std::string target_below(const http::Url& base, std::string_view path) {
  std::string target(without_trailing_slashes(base.path));
  return target += path;
}

std::optional<RedirectPlace> place_of(const http::Url& url, const http::Url& base) {
  std::string_view path = url.path;
  const auto root = without_trailing_slashes(base.path);
  if (!url.same_origin(base) || !path.starts_with(root)) return std::nullopt;
  path.remove_prefix(root.size());
  if (!path.starts_with('/')) return std::nullopt;
  path.remove_prefix(1);
  try {
    auto route = parse_route(path);
    if (route.file.repo.name.empty()) return std::nullopt;
    return RedirectPlace{.repo = std::move(route.file.repo),
                         .resolve_cache = path.starts_with("api/resolve-cache/")};
  } catch (const Error&) {
    return std::nullopt;
  }
}

}  // namespace hubcache::hub
