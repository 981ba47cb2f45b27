#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace hubcache::http {

/// Unpacks a whole gzip stream. Throws kUpstream when it is damaged or cut, or unpacks to more than
/// `limit` bytes: a small answer may claim to hold gigabytes.
std::string gunzip(std::string_view packed, std::size_t limit);

}  // namespace hubcache::http
