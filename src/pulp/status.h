#pragma once

#include <vector>

#include "hubcache/pulp/pulp.h"
#include "hubcache/rest/api.h"

namespace hubcache::pulp {

/// The versions of Pulp whose interface this is, by component.
std::vector<std::pair<std::string, std::string>> versions();

/// `status/`, `livez/` and the API's root: what anybody may see.
std::vector<rest::View> status_views(const Services& services, const Options& options,
                                     const std::vector<rest::Resource>& resources);

}  // namespace hubcache::pulp
