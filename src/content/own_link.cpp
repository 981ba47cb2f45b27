#include "hubcache/content/own_link.h"

#include "hubcache/hub/paging.h"

namespace hubcache::content {

std::string own_next_link(std::string_view link, const http::Url& hub_base,
                          std::string_view own_base) {
  const auto next = hub::next_target(link, hub_base);
  if (!next) return {};
  std::string own = "<";
  (own += own_base) += *next;
  return own += ">; rel=\"next\"";
}

}  // namespace hubcache::content
