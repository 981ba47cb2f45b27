#pragma once

#include "hubcache/base/error.h"
#include "hubcache/http/message.h"

namespace hubcache::content {

/// An error as Hub clients understand it (contract/hub.md 3.4): identity in X-Error-Code and
/// X-Error-Message, on HEAD too, and a JSON body below /api/, text elsewhere.
http::Response error_response(const http::Request& request, const Error& error);

}  // namespace hubcache::content
