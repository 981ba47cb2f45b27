#include "hubcache/content/want_digest.h"

#include <charconv>
#include <cstddef>
#include <string>
#include <string_view>

#include "hubcache/base/base64.h"

namespace hubcache::content {
namespace {

std::string bytes_of(std::string_view hex) {
  std::string bytes;
  for (std::size_t i = 0; i < hex.size(); i += 2) {
    unsigned char byte = 0;
    std::from_chars(hex.data() + i, hex.data() + i + 2, byte, 16);
    bytes += static_cast<char>(byte);
  }
  return bytes;
}

}  // namespace

void add_digest(const http::Request& request, const std::optional<Digest>& digest,
                http::Response& response) {
  if (!digest || digest->algorithm() != Digest::Algorithm::kSha256) return;
  if (!request.headers.has("Want-Digest")) return;
  response.headers.set("Digest", "SHA-256=" + base64_encode(bytes_of(digest->hex())));
}

}  // namespace hubcache::content
