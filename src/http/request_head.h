#pragma once

#include <cstddef>
#include <string_view>

#include "hubcache/http/message.h"

#include "fields.h"

namespace hubcache::http {

/// What a request's head says about the connection.
struct RequestHead {
  Framing framing;
  bool http_1_0 = false;
  bool keep_alive = true;
  bool expects_continue = false;
};

/// Reads a complete header block into `request`, whose method and target are set as soon as they
/// are known. Throws kBadRequest or kUriTooLong. An absolute-form target becomes origin form.
RequestHead read_request_head(std::string_view block, std::size_t max_target_bytes,
                              Request& request);

}  // namespace hubcache::http
