#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "hubcache/http/message.h"

namespace hubcache::http {

/// How the body of a message is framed (RFC 9112 section 6).
struct Framing {
  bool chunked = false;
  std::optional<std::uint64_t> length;
};

/// A request's line and fields, taken apart.
struct RequestHead {
  Request request;
  Framing framing;
  bool http_1_0 = false;
  bool keep_alive = true;
  bool expects_continue = false;
};

/// Parses everything up to and with the empty line. Refuses, before anything is routed, whatever
/// two parties could read differently (SECURITY 18). Throws kBadRequest; kUriTooLong when the
/// target is longer than `max_target`.
RequestHead parse_request_head(std::string_view block, std::size_t max_target);

/// Fields of any message into `headers`; the same strictness. `block` ends with the empty line.
void parse_fields(std::string_view block, Headers& headers);
/// The framing the fields ask for; throws kBadRequest when they contradict each other.
Framing framing_of(const Headers& headers);

}  // namespace hubcache::http
