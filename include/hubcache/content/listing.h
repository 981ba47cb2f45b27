#pragma once

#include <memory>
#include <string>

#include "hubcache/access/guards.h"
#include "hubcache/http/message.h"
#include "hubcache/registry/registry.h"

namespace hubcache::content {

/// What GET of a path says at which no distribution begins: a page that links to what lies directly
/// below it, a redirect to that page when the slash is missing, or kNotFound. Hidden distributions
/// are left out, and those whose guard does not let this request pass (SECURITY 11); `directory` is
/// the raw path below /pulp/content/. `request` is the caller's, who awaits at once.
Task<http::Response> list_directory(const access::Guards& guards,
                                    std::shared_ptr<const registry::Snapshot> snapshot,
                                    const http::Request& request, std::string directory);

/// 301 to the same path with a slash at its end.
http::Response redirect_to_slash(const http::Request& request);

}  // namespace hubcache::content
