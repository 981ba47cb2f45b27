#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "hubcache/base/error.h"
#include "hubcache/hub/rate_limits.h"
#include "hubcache/hub/refusal.h"
#include "hubcache/hub/types.h"

namespace hubcache::hub {

/// A redirect with a Location.
bool is_redirect(int status, const http::Headers& headers);

/// An ETag without quotes and W/.
std::string unquoted(std::string_view etag);
/// The digest an ETag names: 64 or 40 hexadecimal digits, and strong. A masked or weak one is none.
std::optional<Digest> digest_of(std::string_view etag);
/// A non-negative decimal number and nothing else.
std::optional<std::uint64_t> number_of(std::string_view text);
/// The field's value, or "".
std::string value_of(const http::Headers& headers, std::string_view name);
/// X-Error-Message, or the beginning of a long one: it is kept, and shown to people.
std::string error_message_of(const http::Headers& headers);
/// Are the body's bytes the file's own?
bool is_identity(const http::Headers& headers);

/// Content-Range of a 206 (bytes FIRST-LAST/SIZE) or a 416 (bytes */SIZE).
struct ContentRange {
  std::optional<std::uint64_t> first;
  std::uint64_t last = 0;
  std::optional<std::uint64_t> size;
};
std::optional<ContentRange> content_range_of(std::string_view text);

/// What a 429 says of the limit: its wait is `t` of `ratelimit`, else Retry-After, else some.
Quota quota_of(const http::Headers& headers);
/// What any answer says is left of the limit it counts for; nullopt: nothing.
std::optional<Budget> budget_of(const http::Headers& headers);

/// X-Error-Code; where the Hub sends none for a repo that is missing or private, the one that
/// clients can tell it by (contract/hub.md 2.3).
std::string error_code_of(int status, const http::Headers& headers);

/// The error that stands for an answer of the Hub we can give nobody: 5xx.
Error trouble_of(int status, const std::string& url);
}  // namespace hubcache::hub
