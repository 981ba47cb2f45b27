#pragma once

#include <cstdint>
#include <functional>

#include "hubcache/base/task.h"
#include "hubcache/http/message.h"
#include "hubcache/http/range.h"

namespace hubcache::http {

/// Opens the bytes of one range of a representation. May be called as long as the response is being
/// written.
using OpenRange = std::function<Task<Body>(RangePlan)>;

/// Gives `response` the body that `plan` names of a representation of `size` bytes. Several ranges
/// become a multipart/byteranges (RFC 9110 14.6) whose parts have the response's Content-Type: the
/// first is opened here, so that what that throws can still be answered, each other one when those
/// before it were sent. Parts are written as bodies of their own would be: nothing is buffered.
Task<Response> with_body(Response response, RangePlan plan, std::uint64_t size, OpenRange open);

}  // namespace hubcache::http
