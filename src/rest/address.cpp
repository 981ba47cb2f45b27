#include "hubcache/rest/address.h"

#include <optional>

#include <nlohmann/json.hpp>

namespace hubcache::rest {
namespace {

constexpr std::string_view kId = "{id}";

std::string_view without_host(std::string_view href) {
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (!href.starts_with(scheme)) continue;
    const auto path = href.find('/', scheme.size());
    return path == std::string_view::npos ? std::string_view() : href.substr(path);
  }
  return href;
}

/// What follows the resource's path in `below`, and the id in that path; nullopt when it is of
/// another resource.
struct Rest {
  std::string parent;
  std::string_view text;
};
std::optional<Rest> below_path(const Resource& resource, std::string_view below) {
  const std::string_view path = resource.path;
  const auto cut = path.find(kId);
  if (cut == std::string_view::npos) {
    if (!below.starts_with(path)) return std::nullopt;
    return Rest{.parent = {}, .text = below.substr(path.size())};
  }
  if (!below.starts_with(path.substr(0, cut))) return std::nullopt;
  below.remove_prefix(cut);
  const auto after = path.substr(cut + kId.size());
  const auto end = below.find('/');
  if (end == std::string_view::npos || !below.substr(end).starts_with(after)) return std::nullopt;
  return Rest{.parent = std::string(below.substr(0, end)),
              .text = below.substr(end + after.size())};
}

}  // namespace

bool is_of(std::string_view kind, std::string_view family) {
  return kind.starts_with(family) && (kind.size() == family.size() || kind[family.size()] == '.');
}

std::string_view family_of(std::string_view kind) { return kind.substr(0, kind.find('.')); }

std::string prn(const Resource& resource, std::string_view id) {
  return "prn:" + resource.model + ":" + std::string(id);
}

std::string href(std::string_view root, const Resource& resource, const Row& row) {
  std::string path = resource.path;
  if (const auto cut = path.find(kId); cut != std::string::npos) {
    path.replace(cut, kId.size(), row.doc.value(resource.parent, ""));
  }
  const auto last =
      resource.key.empty() ? row.id : std::to_string(row.doc.value(resource.key, std::int64_t{0}));
  return std::string(root) + path + last + "/";
}

Address read_href(const std::vector<Resource>& resources, std::string_view root,
                  std::string_view text) {
  const auto path = without_host(text);
  if (!path.starts_with(root)) return {};
  const auto below = path.substr(root.size());
  Address found;
  if (below.empty()) found.is_collection = true;
  for (const auto& resource : resources) {
    auto rest = below_path(resource, below);
    if (!rest) continue;
    if (rest->text.empty()) {
      found.is_collection = true;
      continue;
    }
    if (!resource.lists.empty() || !rest->text.ends_with('/')) continue;
    rest->text.remove_suffix(1);
    if (rest->text.empty() || rest->text.find_first_of("/?#") != std::string_view::npos) continue;
    return {.resource = &resource,
            .parent = std::move(rest->parent),
            .key = std::string(rest->text),
            .is_collection = false};
  }
  return found;
}

}  // namespace hubcache::rest
