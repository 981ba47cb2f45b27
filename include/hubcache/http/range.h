#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "hubcache/http/message.h"

namespace hubcache::http {

/// A span of bytes of a representation; `length` may be 0.
struct ByteRange {
  std::uint64_t offset = 0;
  std::uint64_t length = 0;
  std::uint64_t end() const { return offset + length; }
  bool operator==(const ByteRange&) const = default;
};

/// What a GET or HEAD of a representation of known size and strong ETag comes to.
struct RangePlan {
  int status = 200;         // 200, 206, 304, 412 or 416
  ByteRange range{};        // what to send, for 200 and 206
  bool open_ended = false;  // the client asked to the end: no Range, "N-" or "-N"
};

/// Applies If-Match, If-None-Match, Range and If-Range (RFC 9110 sections 13 and 14) of `request`
/// to a representation, and sets status, Content-Range, Content-Length and Accept-Ranges of
/// `response`. `etag` is the quoted strong tag. A Range that is malformed, or names several
/// ranges, is ignored (200), as RFC 9110 14.2 allows.
RangePlan apply_conditions(const Request& request, std::string_view etag, std::uint64_t size,
                           Response& response);

}  // namespace hubcache::http
