#pragma once

#include <string>

#include "hubcache/rest/api.h"
#include "hubcache/rest/json.h"

namespace hubcache::rest {

/// `docs/`: what the OpenAPI document with real paths says, for people. One page without a script.
Reply docs_page(const Json& document);

}  // namespace hubcache::rest
