#pragma once

#include <string>
#include <string_view>

#include "hubcache/http/message.h"

namespace hubcache::rest {

/// May JSON be sent to a client with this Accept? (HTML pages there are none: a browser gets JSON.)
bool accepts_json(const http::Request& request);
/// A change that a page of another site asked a browser for (SECURITY 21).
bool is_foreign(const http::Request& request, std::string_view own_base);
/// The request's Correlation-ID when it is a UUID, else a new one.
std::string correlation_id_of(const http::Request& request);

}  // namespace hubcache::rest
