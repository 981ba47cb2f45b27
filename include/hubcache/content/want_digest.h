#pragma once

#include <optional>

#include "hubcache/base/digest.h"
#include "hubcache/http/message.h"

namespace hubcache::content {

/// Adds the Digest that a request with Want-Digest asks for (RFC 3230), when it is known: aria2
/// checks its file by it at the end, one that it resumed too (SECURITY 12). It is of the whole
/// file, also in an answer with a part. A git digest says nothing here: it is not of the bytes
/// alone.
void add_digest(const http::Request& request, const std::optional<Digest>& digest,
                http::Response& response);

}  // namespace hubcache::content
