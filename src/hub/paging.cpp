#include "hubcache/hub/paging.h"

namespace hubcache::hub {
namespace {

/// The target of the first link whose parameters hold rel="next".
std::optional<std::string_view> next_of(std::string_view link) {
  while (true) {
    const auto open = link.find('<');
    if (open == std::string_view::npos) return std::nullopt;
    const auto close = link.find('>', open);
    if (close == std::string_view::npos) return std::nullopt;
    const auto target = link.substr(open + 1, close - open - 1);
    link.remove_prefix(close + 1);
    const auto parameters = link.substr(0, link.find('<'));
    if (parameters.find("rel=\"next\"") != std::string_view::npos ||
        parameters.find("rel=next") != std::string_view::npos) {
      return target;
    }
  }
}

}  // namespace

std::optional<std::string> next_target(std::string_view link, const http::Url& base) {
  const auto next = next_of(link);
  if (!next) return std::nullopt;
  const auto url = base.resolve(*next);
  std::string_view root = base.path;
  while (root.ends_with('/')) root.remove_suffix(1);
  if (!url || !url->same_origin(base) || !url->path.starts_with(root)) return std::nullopt;
  std::string target = url->path.substr(root.size());
  if (!target.empty() && target.front() != '/') return std::nullopt;
  if (!url->query.empty()) (target += '?') += url->query;
  return target;
}

}  // namespace hubcache::hub
