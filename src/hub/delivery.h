#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "hubcache/base/task.h"
#include "hubcache/hub/hub.h"

#include "sending.h"

namespace hubcache::hub {

/// Who asks for bytes, and with what right. The caller keeps all of it alive.
struct Courier {
  Means means;
  const Endpoint& endpoint;
  const Credential& credential;
  http::Timeouts timeouts;
};

/// The answer to a GET of a file's bytes, its body still on the wire.
struct Delivery {
  http::ClientResponse response;
  http::Url url;       // that answered
  bool by_hub = true;  // the hub's own origin, before any redirect left it
};

/// GET of `url` with that Range ("" for none), its redirects followed. The right goes to the hub's
/// own origin, and nowhere once a redirect has left it. Throws kCorrupt when the hub names another
/// digest than `expected`, kTooManyRequests when a limit cannot be waited for, kUpstream for
/// redirects that are refused and while the hub is known not to answer.
Task<Delivery> deliver(Courier courier, http::Url url, std::string range,
                       std::optional<Digest> expected);

/// The Range of [offset, offset + length); none for a file from its start to an unknown end, and
/// for an empty one. A length of UINT64_MAX is "to the end".
std::string range_of(std::uint64_t offset, std::uint64_t length);

/// A 200 or 206 as the stream it is. Throws kUpstream when it is not the range that was asked for.
FileStream stream_of(Delivery delivery, std::uint64_t offset, std::uint64_t length);

/// The size of the file at `url`, by asking for its first byte. Throws kUpstream when that does not
/// tell it.
Task<std::uint64_t> size_by_range(Courier courier, http::Url url);

}  // namespace hubcache::hub
