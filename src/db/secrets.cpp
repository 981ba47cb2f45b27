#include "hubcache/db/secrets.h"

#include <array>
#include <cerrno>
#include <cstdint>
#include <memory>
#include <optional>

#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hubcache/base/digest.h"
#include "hubcache/base/error.h"
#include "hubcache/base/fd.h"

namespace hubcache::db {
namespace {

constexpr std::size_t kKeySize = 32;
constexpr std::size_t kNonceSize = 12;
constexpr std::size_t kTagSize = 16;
constexpr std::size_t kKeyIdSize = 8;  // hex digits

[[noreturn]] void not_ours() {
  throw Error(Error::Kind::kCorrupt, "a stored secret cannot be read with this key");
}

std::optional<std::string> from_hex(std::string_view hex) {
  const auto digit = [](char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    return -1;
  };
  if (hex.size() % 2 != 0) return std::nullopt;
  std::string bytes;
  for (std::size_t i = 0; i < hex.size(); i += 2) {
    const int high = digit(hex[i]);
    const int low = digit(hex[i + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    bytes.push_back(static_cast<char>(high * 16 + low));
  }
  return bytes;
}

/// Lengths make it unambiguous: ("ab", "c") is not ("a", "bc").
std::string bound_to(const SecretBox::Place& place) {
  std::string text = "hubcache secret v1";
  for (const auto part : {place.table, place.row, place.field}) {
    text += '\n' + std::to_string(part.size()) + ':';
    text += part;
  }
  return text;
}

const unsigned char* bytes_of(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}
unsigned char* writable(std::string& text) { return reinterpret_cast<unsigned char*>(text.data()); }
int length_of(std::string_view text) { return static_cast<int>(text.size()); }

using Cipher = std::unique_ptr<EVP_CIPHER_CTX, decltype(&EVP_CIPHER_CTX_free)>;

void require(int result) {
  if (result != 1) throw Error(Error::Kind::kInternal, "encryption failed");
}

std::string read_key_text(const Fd& file, const std::filesystem::path& path) {
  struct stat about{};
  if (::fstat(file.get(), &about) != 0)
    throw Error::from_errno(errno, "looking at " + path.string());
  if ((about.st_mode & S_IRWXO) != 0) {
    throw Error(
        Error::Kind::kForbidden,
        path.string() + " can be read by everyone: chmod it to 0600 and change the secrets");
  }
  std::array<char, 256> text{};
  const auto count = ::read(file.get(), text.data(), text.size());
  if (count < 0) throw Error::from_errno(errno, "reading " + path.string());
  return {text.data(), static_cast<std::size_t>(count)};
}

void sync_directory_of(const std::filesystem::path& file) {
  auto directory = file.parent_path();
  if (directory.empty()) directory = ".";
  const Fd opened(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!opened || ::fsync(opened.get()) != 0) {
    throw Error::from_errno(errno, "syncing " + directory.string());
  }
}

/// Written beside and linked into place: a crash leaves the whole key or none.
void create_key(const std::filesystem::path& path) {
  const std::string text = to_hex(random_bytes(kKeySize)) + "\n";
  const std::filesystem::path fresh = path.string() + ".new";
  ::unlink(fresh.c_str());
  const Fd file(::open(fresh.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, S_IRUSR | S_IWUSR));
  if (!file) throw Error::from_errno(errno, "creating " + fresh.string());
  if (::write(file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()) ||
      ::fsync(file.get()) != 0 || ::rename(fresh.c_str(), path.c_str()) != 0) {
    throw Error::from_errno(errno, "writing " + path.string());
  }
  sync_directory_of(path);
}

}  // namespace

SecretBox SecretBox::load(const std::filesystem::path& file) {
  Fd opened(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
  if (!opened && errno == ENOENT) {
    create_key(file);
    opened = Fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
  }
  if (!opened) throw Error::from_errno(errno, "opening " + file.string());

  std::string text = read_key_text(opened, file);
  if (text.ends_with('\n')) text.pop_back();
  const auto key = from_hex(text);
  if (!key || key->size() != kKeySize) {
    throw Error(Error::Kind::kCorrupt, file.string() + " does not hold a key of 64 hex digits");
  }
  return SecretBox(*key);
}

SecretBox::SecretBox(std::string_view key) : key_(key) {
  if (key.size() != kKeySize) throw Error(Error::Kind::kCorrupt, "a key has 32 bytes");
  sealing_key_ = derive("sealing");
  key_id_ = to_hex(derive("key id")).substr(0, kKeyIdSize);
}

std::string SecretBox::derive(std::string_view label) const {
  std::string result(kKeySize, '\0');
  unsigned int length = 0;
  if (::HMAC(EVP_sha256(), key_.data(), length_of(key_), bytes_of(label), label.size(),
             writable(result), &length) == nullptr) {
    throw Error(Error::Kind::kInternal, "deriving a key failed");
  }
  return result;
}

std::string SecretBox::seal(std::string_view secret, const Place& place) const {
  const std::string nonce = random_bytes(kNonceSize);
  const std::string binding = bound_to(place);
  std::string sealed(secret.size() + kTagSize, '\0');
  const Cipher cipher(EVP_CIPHER_CTX_new(), &EVP_CIPHER_CTX_free);
  int count = 0;
  require(EVP_EncryptInit_ex(cipher.get(), EVP_aes_256_gcm(), nullptr, bytes_of(sealing_key_),
                             bytes_of(nonce)));
  require(EVP_EncryptUpdate(cipher.get(), nullptr, &count, bytes_of(binding), length_of(binding)));
  require(EVP_EncryptUpdate(cipher.get(), writable(sealed), &count, bytes_of(secret),
                            length_of(secret)));
  require(EVP_EncryptFinal_ex(cipher.get(), writable(sealed) + count, &count));
  require(EVP_CIPHER_CTX_ctrl(cipher.get(), EVP_CTRL_GCM_GET_TAG, kTagSize,
                              writable(sealed) + secret.size()));
  return "v1." + key_id_ + "." + to_hex(nonce) + "." + to_hex(sealed);
}

std::string SecretBox::open(std::string_view sealed, const Place& place) const {
  const std::string head = "v1." + key_id_ + ".";
  if (!sealed.starts_with(head)) not_ours();
  sealed.remove_prefix(head.size());
  const auto dot = sealed.find('.');
  if (dot == std::string_view::npos) not_ours();
  const auto nonce = from_hex(sealed.substr(0, dot));
  auto body = from_hex(sealed.substr(dot + 1));
  if (!nonce || nonce->size() != kNonceSize || !body || body->size() < kTagSize) not_ours();

  std::string tag = body->substr(body->size() - kTagSize);
  body->resize(body->size() - kTagSize);
  const std::string binding = bound_to(place);
  std::string secret(body->size(), '\0');
  const Cipher cipher(EVP_CIPHER_CTX_new(), &EVP_CIPHER_CTX_free);
  int count = 0;
  require(EVP_DecryptInit_ex(cipher.get(), EVP_aes_256_gcm(), nullptr, bytes_of(sealing_key_),
                             bytes_of(*nonce)));
  require(EVP_DecryptUpdate(cipher.get(), nullptr, &count, bytes_of(binding), length_of(binding)));
  require(
      EVP_DecryptUpdate(cipher.get(), writable(secret), &count, bytes_of(*body), length_of(*body)));
  require(EVP_CIPHER_CTX_ctrl(cipher.get(), EVP_CTRL_GCM_SET_TAG, kTagSize, writable(tag)));
  if (EVP_DecryptFinal_ex(cipher.get(), writable(secret) + count, &count) != 1) not_ours();
  return secret;
}

}  // namespace hubcache::db
