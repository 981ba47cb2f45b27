#include "hubcache/hub/imported.h"

#include <string_view>

namespace hubcache::hub {
namespace {

constexpr std::string_view kMark = "/imported";  // no epoch is spelled so

}  // namespace

std::string imported_scope(const std::string& scope) { return scope + std::string(kMark); }

EndpointPtr imported_twin(const Endpoint& endpoint) {
  auto twin = std::make_shared<Endpoint>(endpoint);
  twin->offline = true;
  twin->made_scope = imported_scope(endpoint.scope());
  // Its bytes and proofs are nobody else's.
  twin->made_origin_key = twin->made_scope;
  return twin;
}

bool is_imported(const Endpoint& endpoint) { return endpoint.made_scope.ends_with(kMark); }

}  // namespace hubcache::hub
