#include "hubcache/access/credentials.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "hubcache/access/caller.h"
#include "hubcache/base/base64.h"
#include "hubcache/base/text.h"

namespace hubcache::access {

Credentials read_credentials(const http::Headers& headers) {
  if (auto caller = Caller::of(headers); caller.kind == Caller::Kind::kOwnToken) {
    return {.given = true,
            .complaint = {},
            .name = {},
            .password = {},
            .token = std::move(caller.token)};
  }
  const auto header = headers.get("Authorization").value_or("");
  const auto cut = std::min(header.find(' '), header.size());
  if (!http::same_name(header.substr(0, cut), "Basic")) return {};
  Credentials credentials{.given = true, .complaint = {}, .name = {}, .password = {}, .token = {}};
  const auto encoded = trimmed(header.substr(cut));
  if (encoded.empty()) {
    credentials.complaint = "Invalid basic header. No credentials provided.";
    return credentials;
  }
  if (encoded.find(' ') != std::string_view::npos) {
    credentials.complaint = "Invalid basic header. Credentials string should not contain spaces.";
    return credentials;
  }
  const auto decoded = base64_decode(encoded);
  const auto colon = decoded ? decoded->find(':') : std::string::npos;
  if (colon == std::string::npos) {
    credentials.complaint = "Invalid basic header. Credentials not correctly base64 encoded.";
    return credentials;
  }
  credentials.name = decoded->substr(0, colon);
  credentials.password = decoded->substr(colon + 1);
  return credentials;
}

}  // namespace hubcache::access
