#include "hubcache/content/want_digest.h"

#include <array>
#include <charconv>
#include <cstddef>
#include <string>

#include <openssl/evp.h>

namespace hubcache::content {
namespace {

constexpr std::size_t kSha256Size = 32;
constexpr std::size_t kEncodedSize = 44;

std::string base64_of(const std::string& hex) {
  std::array<unsigned char, kSha256Size> bytes{};
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const char* digits = hex.data() + 2 * i;
    std::from_chars(digits, digits + 2, bytes[i], 16);
  }
  std::array<unsigned char, kEncodedSize + 1> text{};  // OpenSSL ends it with a zero
  EVP_EncodeBlock(text.data(), bytes.data(), static_cast<int>(bytes.size()));
  return {text.begin(), text.end() - 1};
}

}  // namespace

void add_digest(const http::Request& request, const std::optional<Digest>& digest,
                http::Response& response) {
  if (!digest || digest->algorithm() != Digest::Algorithm::kSha256) return;
  if (!request.headers.has("Want-Digest")) return;
  response.headers.set("Digest", "SHA-256=" + base64_of(digest->hex()));
}

}  // namespace hubcache::content
