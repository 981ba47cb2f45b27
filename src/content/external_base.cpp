#include "hubcache/content/external_base.h"

#include "hubcache/hub/paging.h"

namespace hubcache::content {
namespace {

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
  const auto next = hub::next_target(link, hub_base);
  if (!next) return {};
  std::string own = "<";
  (own += own_base) += *next;
  return own += ">; rel=\"next\"";
}

}  // namespace hubcache::content
