#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "hubcache/base/task.h"
#include "hubcache/base/workers.h"
#include "hubcache/http/message.h"

namespace hubcache::http {

/// Makes of a text what is sent of it.
using TextEdit = std::function<std::string(std::string_view)>;

/// The last step of a handler whose answer is a text of ours (JSON or text/*, never a file): turns
/// it into a 304 when If-None-Match names its ETag (weak comparison), else packs it with gzip when
/// the client takes that and it is worth it. Says Vary wherever the answer hangs on
/// Accept-Encoding; a packed body's ETag is weak. Answers other than 200 are edited, and no more.
///
/// `edit` is done first, unless the answer is a 304. Larger texts are edited and
/// packed on `pool`, in one go, so that few are there in more than one form; what is above 8 MiB is
/// not packed.
Task<Response> finish_text(Pool& pool, const Request& request, Response response,
                           TextEdit edit = {});

/// Does Accept-Encoding (RFC 9110 12.5.3) rank gzip at least as high as no encoding?
bool prefers_gzip(const Headers& headers);

}  // namespace hubcache::http
