#pragma once

#include <string_view>

#include "hubcache/catalog/catalog.h"
#include "hubcache/http/message.h"

namespace hubcache::content {

/// What an answer about a file begins with.
http::Response file_response(std::string_view content_type, std::string_view path);
/// The same, and what its commit says of it.
http::Response file_response(const catalog::Entry& entry, std::string_view commit,
                             std::string_view path);
/// The same for a read of all of it, but for the body; nothing can be added.
http::Response whole_file_response(const catalog::Entry& entry, std::string_view commit,
                                   std::string_view path);

}  // namespace hubcache::content
