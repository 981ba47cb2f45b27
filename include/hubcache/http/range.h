#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

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
  int status = 200;                // 200, 206, 304, 412 or 416
  ByteRange range{};               // what to send, for 200 and for a 206 of one range
  bool open_ended = false;         // the client asked to the end: no Range, or "N-"
  std::vector<ByteRange> parts{};  // what to send, for a 206 of several (see multipart.h)

  /// The plan of one of the parts, as if it had been asked for alone.
  RangePlan of_part(ByteRange part, std::uint64_t size) const {
    return {.status = 206, .range = part, .open_ended = open_ended && part.end() == size};
  }
};

/// No request is answered with more parts; one that names more ranges is refused with 416, as RFC
/// 9110 15.5.17 allows: the whole of a large file would be worse for both sides.
inline constexpr std::size_t kMostRanges = 32;
/// More than one part's header takes. Ranges with a smaller gap between them become one, so that no
/// answer is larger than the whole and one such header.
inline constexpr std::uint64_t kPartOverhead = 256;

/// Applies If-Match, If-None-Match, Range and If-Range (RFC 9110 sections 13 and 14) of `request`
/// to a representation, and sets status, Content-Range, Content-Length and Accept-Ranges of
/// `response` (not the length of several parts). `etag` is the quoted strong tag. A Range that is
/// malformed or of another unit is ignored (200), as RFC 9110 14.2 says. A range of an empty
/// representation is the whole one, with a Content-Range that names its size: @huggingface/hub and
/// hf-hub learn a size from nothing else (contract/hub.md 1.6, 1.8), and to a 200 it means nothing
/// (RFC 9110 14.4).
RangePlan apply_conditions(const Request& request, std::string_view etag, std::uint64_t size,
                           Response& response);

/// "bytes 0-9/100": what Content-Range says of a part that is not empty.
std::string content_range(ByteRange range, std::uint64_t size);

/// Does If-None-Match name this tag, or any ("*")? "W/" counts on neither side.
bool none_match_names(const Headers& headers, std::string_view etag);

}  // namespace hubcache::http
