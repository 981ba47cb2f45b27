#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "hubcache/http/url.h"
#include "hubcache/hub/types.h"

namespace hubcache::hub {

// Paths below a hub's base URL, built from parsed parts only: every part is encoded anew, so none
// can reach out of its place (contract/hub.md 1.1). They start with "/". parse_route() of what they
// return gives the parts back.

/// "/datasets/org/name/resolve/refs%2Fpr%2F1/dir/a%20b"; by other doors than kFiles
/// "/org/name.git/info/lfs/objects/DIGEST/SIZE" and "/v2/org/name/blobs/sha256:DIGEST".
std::string resolve_path(const FileRef& file);
/// "/api/models/org/name", with "/revision/REV" unless the revision is empty.
std::string info_path(const FileRef& file);
/// "/api/models/org/name/tree/REV", with the folder if there is one.
std::string tree_path(const FileRef& file);
/// "/datasets/org/name", and `below` it, as git has it: "/info/refs".
std::string git_path(const RepoId& repo, std::string_view below);
/// "/v2/org/name/manifests/TAG"
std::string manifest_path(const RepoId& repo, std::string_view tag);
/// The path of an API route of `repo`, for the repo `other` instead.
std::string api_path_of(std::string path, const RepoId& repo, const RepoId& other);
/// "/api/models/org/name/auth-check"
std::string auth_check_path(const RepoId& repo);

/// The target to send to the hub for `path`: the base URL's own path goes in front.
std::string target_below(const http::Url& base, std::string_view path);

/// What a redirect within the hub's origin points to.
struct RedirectPlace {
  RepoId repo;
  bool resolve_cache = false;  // "/api/resolve-cache/...": the file itself, no other name of it
};
/// nullopt unless `url` is below `base` and names a repo: by an API route, a file route, or
/// resolve-cache.
std::optional<RedirectPlace> place_of(const http::Url& url, const http::Url& base);

}  // namespace hubcache::hub
