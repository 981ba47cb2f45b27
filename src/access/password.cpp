#include "hubcache/access/password.h"

#include <array>
#include <cerrno>
#include <cstring>  // explicit_bzero
#include <memory>

#include <crypt.h>

#include "hubcache/base/digest.h"
#include "hubcache/base/error.h"

namespace hubcache::access {
namespace {

std::string crypt_with(const std::string& password, const std::string& setting) {
  const auto scratch = std::make_unique<crypt_data>();  // 32 KiB, too much for a pool's stack
  const char* hash = ::crypt_rn(password.c_str(), setting.c_str(), scratch.get(),
                                static_cast<int>(sizeof(crypt_data)));
  std::string result = hash == nullptr ? "" : hash;
  ::explicit_bzero(scratch.get(), sizeof(crypt_data));
  return result;
}

}  // namespace

std::string hash_password(const std::string& password) {
  std::array<char, CRYPT_GENSALT_OUTPUT_SIZE> setting{};
  if (::crypt_gensalt_rn("$y$", 0, nullptr, 0, setting.data(), static_cast<int>(setting.size())) ==
      nullptr) {
    throw Error(Error::Kind::kInternal, "passwords cannot be hashed",
                "crypt_gensalt: errno " + std::to_string(errno));
  }
  auto hash = crypt_with(password, setting.data());
  if (hash.empty()) throw Error(Error::Kind::kInternal, "passwords cannot be hashed", "crypt");
  return hash;
}

bool password_matches(const std::string& password, const std::string& hash) {
  if (!hash.starts_with('$')) return false;
  const auto again = crypt_with(password, hash);
  return !again.empty() && constant_time_equal(again, hash);
}

std::string generate_password() {
  constexpr std::string_view kAlphabet = "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789";
  constexpr std::size_t kLength = 24;
  std::string password;
  while (password.size() < kLength) {
    for (const char byte : random_bytes(kLength)) {
      const auto index = static_cast<unsigned char>(byte) & 63U;
      if (index < kAlphabet.size() && password.size() < kLength) password += kAlphabet[index];
    }
  }
  return password;
}

}  // namespace hubcache::access
