#pragma once

#include "hubcache/base/error.h"

namespace hubcache::http {

/// The only map from kinds of error to HTTP status.
int status_of(Error::Kind kind);

}  // namespace hubcache::http
