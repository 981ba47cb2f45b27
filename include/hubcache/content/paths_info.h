#pragma once

#include <string>

#include "hubcache/http/message.h"

namespace hubcache::content {

/// The body of a POST to paths-info as the Hub is asked: a form, whether it came as one or as JSON
/// (contract/hub.md 1.3, 1.6), so that both share an answer. Throws kBadRequest when it is neither,
/// or names no path.
std::string paths_info_form(const http::Request& request);

}  // namespace hubcache::content
