#pragma once

#include <string>
#include <string_view>

#include "hubcache/http/message.h"

namespace hubcache::content {

/// The hubcaches a request came through, as the beginning of the Via of a request made because of
/// it: "1.1 ID, 1.1 ID, ", or nothing. What else its Via holds stays here. Throws kLoop when we are
/// among them, or more of them than any sensible chain has (SECURITY 17).
std::string via_hubcaches(const http::Request& request, std::string_view instance_id);

}  // namespace hubcache::content
