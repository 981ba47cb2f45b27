#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "hubsim/wire.h"

namespace hubsim {

/// What came back, byte by byte; `status` 0 when nothing did.
struct RawReply {
  int status = 0;
  Headers headers;
  std::string body;
  bool complete = false;  // as long as Content-Length or the last chunk says
  bool reset = false;     // ended by RST

  std::string_view header(std::string_view name) const { return find_header(headers, name); }
};

/// One request on a connection of its own; follows nothing. `url` is absolute. Stops reading after
/// `enough` bytes of body.
RawReply raw_request(std::string_view method, std::string_view url, const Headers& headers = {},
                     std::string_view body = {}, std::size_t enough = SIZE_MAX);

}  // namespace hubsim
