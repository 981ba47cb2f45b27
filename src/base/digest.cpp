#include "hubcache/base/digest.h"

#include <array>
#include <charconv>
#include <system_error>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include "hubcache/base/error.h"
#include "hubcache/base/text.h"

namespace hubcache {
namespace {

std::size_t hex_size(Digest::Algorithm algorithm) {
  return algorithm == Digest::Algorithm::kSha256 ? 64 : 40;
}

const EVP_MD* method_of(Digest::Algorithm algorithm) {
  return algorithm == Digest::Algorithm::kSha256 ? EVP_sha256() : EVP_sha1();
}

void require(int openssl_result, const char* doing) {
  if (openssl_result != 1)
    throw Error(Error::Kind::kInternal, "internal error", std::string(doing));
}

}  // namespace

std::optional<Digest> Digest::parse(Algorithm algorithm, std::string_view hex) {
  if (hex.size() != hex_size(algorithm)) return std::nullopt;
  auto folded = lower_case(hex);
  if (!is_lower_hex(folded)) return std::nullopt;
  return Digest(algorithm, std::move(folded));
}

std::optional<Digest> Digest::from_etag(std::string_view hex) {
  return parse(hex.size() == 64 ? Algorithm::kSha256 : Algorithm::kGitSha1, hex);
}

std::optional<Digest> Digest::from_text(std::string_view text) {
  auto digest = from_etag(text.substr(text.find(':') + 1));
  if (digest && digest->text() != text) digest.reset();
  return digest;
}

std::string_view Digest::algorithm_name() const noexcept {
  return algorithm_ == Algorithm::kSha256 ? "sha256" : "gitsha1";
}

Digest::Bytes Digest::bytes() const {
  const auto value = [](char digit) { return digit <= '9' ? digit - '0' : digit - 'a' + 10; };
  Bytes bytes{};
  for (std::size_t i = 0; i < hex_.size() / 2; ++i) {
    bytes[i] = static_cast<char>(value(hex_[2 * i]) * 16 + value(hex_[2 * i + 1]));
  }
  return bytes;
}

Digest Digest::from_bytes(Algorithm algorithm, const Bytes& bytes) {
  const std::size_t size = algorithm == Algorithm::kSha256 ? 32 : 20;
  return {algorithm, to_hex({bytes.data(), size})};
}

std::string Digest::text() const {
  std::string text(algorithm_name());
  return text + ":" + hex_;
}

struct Hasher::State {
  Digest::Algorithm algorithm;
  std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context{EVP_MD_CTX_new(),
                                                                  EVP_MD_CTX_free};
};

Hasher::Hasher(Digest::Algorithm algorithm, std::uint64_t size)
    : state_(std::make_unique<State>(State{.algorithm = algorithm})) {
  require(EVP_DigestInit_ex(state_->context.get(), method_of(algorithm), nullptr), "digest init");
  if (algorithm == Digest::Algorithm::kGitSha1) {
    const std::string header = "blob " + std::to_string(size) + '\0';
    update(std::as_bytes(std::span(header)));
  }
}

Hasher::Hasher(std::unique_ptr<State> state) : state_(std::move(state)) {}

Hasher Hasher::copy() const {
  auto state = std::make_unique<State>(State{.algorithm = state_->algorithm});
  require(EVP_MD_CTX_copy_ex(state->context.get(), state_->context.get()), "digest copy");
  return Hasher(std::move(state));
}

Hasher::Hasher(Hasher&&) noexcept = default;
Hasher& Hasher::operator=(Hasher&&) noexcept = default;
Hasher::~Hasher() = default;

void Hasher::update(std::span<const std::byte> bytes) {
  require(EVP_DigestUpdate(state_->context.get(), bytes.data(), bytes.size()), "digest update");
}

Digest Hasher::finish() {
  std::array<unsigned char, EVP_MAX_MD_SIZE> value{};
  unsigned int size = 0;
  require(EVP_DigestFinal_ex(state_->context.get(), value.data(), &size), "digest final");
  return {state_->algorithm, to_hex({reinterpret_cast<const char*>(value.data()), size})};
}

std::string keyed_hash(std::string_view key, std::string_view text) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> value{};
  unsigned int size = 0;
  const auto* bytes = reinterpret_cast<const unsigned char*>(text.data());
  if (HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), bytes, text.size(), value.data(),
           &size) == nullptr) {
    throw Error(Error::Kind::kInternal, "internal error", std::string("hmac"));
  }
  return to_hex({reinterpret_cast<const char*>(value.data()), size});
}

std::string random_bytes(std::size_t count) {
  std::string bytes(count, '\0');
  require(RAND_bytes(reinterpret_cast<unsigned char*>(bytes.data()), static_cast<int>(count)),
          "random bytes");
  return bytes;
}

std::string to_hex(std::string_view bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string hex;
  hex.reserve(bytes.size() * 2);
  for (const char c : bytes) {
    const auto value = static_cast<unsigned char>(c);
    hex += kDigits[value >> 4U];
    hex += kDigits[value & 15U];
  }
  return hex;
}

std::optional<std::string> from_hex(std::string_view hex) {
  if (hex.size() % 2 != 0) return std::nullopt;
  std::string bytes;
  for (; !hex.empty(); hex.remove_prefix(2)) {
    unsigned char byte = 0;
    const auto* const end = hex.data() + 2;
    const auto parsed = std::from_chars(hex.data(), end, byte, 16);
    if (parsed.ec != std::errc() || parsed.ptr != end) return std::nullopt;
    bytes += static_cast<char>(byte);
  }
  return bytes;
}

bool constant_time_equal(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace hubcache
