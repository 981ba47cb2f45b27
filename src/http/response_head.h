#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "hubcache/base/clock.h"
#include "hubcache/http/message.h"

namespace hubcache::http {

/// The Date header's value, made once a second.
class DateLine {
 public:
  std::string_view at(WallTime time);

 private:
  std::int64_t second_ = -1;
  std::string text_;
};

/// "Sun, 06 Nov 1994 08:49:37 GMT"
std::string http_date(WallTime time);

/// nullopt: not known before its end.
std::optional<std::uint64_t> length_of(const Body& body);

/// Does a response of this status have a body at all (RFC 9110 section 6.4.1)?
bool may_have_body(int status);

struct HeadOptions {
  bool to_head = false;  // the response answers HEAD
  bool close = false;
  bool to_http_1_0 = false;
};

/// Appends status line and fields. What belongs to the connection is decided here, whatever the
/// handler set; Content-Length is the body's size, or the handler's for HEAD.
void append_head(std::string& out, const Response& response, std::string_view request_id,
                 std::string_view date, HeadOptions options);

}  // namespace hubcache::http
