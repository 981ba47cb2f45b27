#include "hubcache/content/external_base.h"

#include <optional>

namespace hubcache::content {
namespace {

/// The target of the first link whose parameters hold rel="next" (RFC 8288 section 3).
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

std::string_view without_trailing_slash(std::string_view path) {
  while (path.ends_with('/')) path.remove_suffix(1);
  return path;
}

}  // namespace

std::string external_base(const http::Request& request, std::string_view external_url) {
  if (!external_url.empty()) return std::string(without_trailing_slash(external_url));
  std::string base = request.peer.tls ? "https://" : "http://";
  return base += request.headers.get("Host").value_or("localhost");
}

std::string own_next_link(std::string_view link, const http::Url& hub_base,
                          std::string_view own_base) {
  const auto target = next_of(link);
  if (!target) return {};
  const auto url = hub_base.resolve(*target);
  const auto root = without_trailing_slash(hub_base.path);
  if (!url || !url->same_origin(hub_base) || !url->path.starts_with(root)) return {};
  std::string own = "<";
  own += own_base;
  own += std::string_view(url->path).substr(root.size());
  if (!url->query.empty()) own += "?" + url->query;
  return own += ">; rel=\"next\"";
}

}  // namespace hubcache::content
