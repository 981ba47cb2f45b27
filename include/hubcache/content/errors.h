#pragma once

#include "hubcache/base/error.h"
#include "hubcache/http/message.h"
#include "hubcache/hub/types.h"

namespace hubcache::content {

/// An error as Hub clients understand it (contract/hub.md 3.4): identity in X-Error-Code and
/// X-Error-Message, on HEAD too, and a JSON body below /api/, text elsewhere.
http::Response error_response(const http::Request& request, const Error& error);

/// Has what was known of the repo ended with an answer to this very request? It has another name by
/// now, or is not for everybody any more, though maybe for this caller: it is looked at once more.
bool is_of_the_past(const Error& error, const hub::Credential& credential);

}  // namespace hubcache::content
