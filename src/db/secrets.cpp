#include "hubcache/db/secrets.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
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

using DatedKey = SecretBox::DatedKey;
using std::chrono::seconds;

constexpr std::size_t kKeySize = 32;
constexpr std::size_t kNonceSize = 12;
constexpr std::size_t kTagSize = 16;
constexpr std::size_t kKeyIdSize = 8;                        // hex digits
constexpr std::int64_t kLatestTime = std::int64_t{1} << 40;  // seconds

[[noreturn]] void not_ours() {
  throw Error(Error::Kind::kCorrupt, "a stored secret cannot be read with this key");
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
  std::array<char, 4096> text{};  // room for many keys
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

/// Of the very second: what was made in it was made before.
std::string text_of(const std::optional<WallTime>& replaced) {
  if (!replaced) return "";
  return ' ' + std::to_string(std::chrono::ceil<seconds>(*replaced).time_since_epoch().count());
}

/// The other way round; nullopt for what text_of() does not make.
std::optional<std::optional<WallTime>> time_in(std::string_view text) {
  if (text.empty()) return std::optional<WallTime>();
  std::int64_t count = 0;
  const auto* const end = text.data() + text.size();
  const auto [stop, failure] = std::from_chars(text.data() + 1, end, count);
  const bool good = text.front() == ' ' && failure == std::errc() && stop == end && count >= 0 &&
                    count <= kLatestTime;
  if (!good) return std::nullopt;
  return std::optional<WallTime>(seconds(count));
}

/// Written beside and renamed into place: a crash leaves the file as it was or as it shall be.
void write_keys(const std::filesystem::path& path, const std::vector<DatedKey>& lines) {
  std::string text;
  for (const auto& [key, replaced] : lines) text += to_hex(key) + text_of(replaced) + "\n";
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

std::vector<DatedKey> read_keys(const Fd& opened, const std::filesystem::path& file) {
  std::string text = read_key_text(opened, file);
  if (!text.ends_with('\n')) text += '\n';
  std::vector<DatedKey> lines;
  for (std::size_t begin = 0; begin < text.size();) {
    const auto end = text.find('\n', begin);
    const auto line = std::string_view(text).substr(begin, end - begin);
    const auto digits = std::min(line.find(' '), line.size());
    auto key = from_hex(line.substr(0, digits));
    const auto replaced = time_in(line.substr(digits));
    if (!key || key->size() != kKeySize || !replaced) {
      throw Error(Error::Kind::kCorrupt, file.string() + " does not hold a key of 64 hex digits");
    }
    lines.push_back({.key = std::move(*key), .replaced = *replaced});
    begin = end + 1;
  }
  return lines;
}

/// Those in the file, or a new one that is put there.
std::vector<DatedKey> keys_in(const std::filesystem::path& file) {
  Fd opened(::open(file.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  if (!opened && errno == ENOENT) {
    write_keys(file, {{.key = random_bytes(kKeySize)}});
    opened = Fd(::open(file.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  }
  if (!opened) throw Error::from_errno(errno, "opening " + file.string());
  return read_keys(opened, file);
}

std::string derived(std::string_view key, std::string_view label) {
  std::string result(kKeySize, '\0');
  unsigned int length = 0;
  if (::HMAC(EVP_sha256(), key.data(), length_of(key), bytes_of(label), label.size(),
             writable(result), &length) == nullptr) {
    throw Error(Error::Kind::kInternal, "deriving a key failed");
  }
  return result;
}

}  // namespace

SecretBox SecretBox::load(const std::filesystem::path& file) { return SecretBox(keys_in(file)); }

void SecretBox::add_key(const std::filesystem::path& file, WallTime now) {
  auto lines = keys_in(file);
  for (auto& line : lines) line.replaced = line.replaced.value_or(now);
  lines.insert(lines.begin(), {.key = random_bytes(kKeySize)});
  write_keys(file, lines);
}

void SecretBox::drop_old_keys(const std::filesystem::path& file, WallTime now) {
  auto lines = keys_in(file);
  const auto is_over = [now](const DatedKey& line) {
    return !line.replaced || *line.replaced + kGrace <= now;
  };
  lines.erase(std::remove_if(lines.begin() + 1, lines.end(), is_over), lines.end());
  write_keys(file, lines);
}

SecretBox::SecretBox(std::vector<DatedKey> lines) {
  for (auto& line : lines) {
    if (line.key.size() != kKeySize) throw Error(Error::Kind::kCorrupt, "a key has 32 bytes");
    auto id = to_hex(derived(line.key, "key id")).substr(0, kKeyIdSize);
    auto sealing = derived(line.key, "sealing");
    keys_.push_back({.line = std::move(line), .id = std::move(id), .sealing = std::move(sealing)});
  }
}

std::string SecretBox::derive(std::string_view label) const {
  return derived(keys_.front().line.key, label);
}

std::vector<DatedKey> SecretBox::derive_replaced(std::string_view label) const {
  std::vector<DatedKey> all;
  for (const auto& key : keys_) {
    if (!key.line.replaced) continue;
    all.push_back({.key = derived(key.line.key, label), .replaced = key.line.replaced});
  }
  return all;
}

std::string SecretBox::seal(std::string_view secret, const Place& place) const {
  const std::string nonce = random_bytes(kNonceSize);
  const std::string binding = bound_to(place);
  std::string sealed(secret.size() + kTagSize, '\0');
  const Cipher cipher(EVP_CIPHER_CTX_new(), &EVP_CIPHER_CTX_free);
  int count = 0;
  require(EVP_EncryptInit_ex(cipher.get(), EVP_aes_256_gcm(), nullptr,
                             bytes_of(keys_.front().sealing), bytes_of(nonce)));
  require(EVP_EncryptUpdate(cipher.get(), nullptr, &count, bytes_of(binding), length_of(binding)));
  require(EVP_EncryptUpdate(cipher.get(), writable(sealed), &count, bytes_of(secret),
                            length_of(secret)));
  require(EVP_EncryptFinal_ex(cipher.get(), writable(sealed) + count, &count));
  require(EVP_CIPHER_CTX_ctrl(cipher.get(), EVP_CTRL_GCM_GET_TAG, kTagSize,
                              writable(sealed) + secret.size()));
  return "v1." + keys_.front().id + "." + to_hex(nonce) + "." + to_hex(sealed);
}

std::string SecretBox::open(std::string_view sealed, const Place& place) const {
  const auto made_this = [sealed](const Key& key) {
    return sealed.starts_with("v1." + key.id + ".");
  };
  const auto key = std::ranges::find_if(keys_, made_this);
  if (key == keys_.end()) not_ours();
  sealed.remove_prefix(std::string_view("v1..").size() + key->id.size());
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
  require(EVP_DecryptInit_ex(cipher.get(), EVP_aes_256_gcm(), nullptr, bytes_of(key->sealing),
                             bytes_of(*nonce)));
  require(EVP_DecryptUpdate(cipher.get(), nullptr, &count, bytes_of(binding), length_of(binding)));
  require(
      EVP_DecryptUpdate(cipher.get(), writable(secret), &count, bytes_of(*body), length_of(*body)));
  require(EVP_CIPHER_CTX_ctrl(cipher.get(), EVP_CTRL_GCM_SET_TAG, kTagSize, writable(tag)));
  if (EVP_DecryptFinal_ex(cipher.get(), writable(secret) + count, &count) != 1) not_ours();
  return secret;
}

}  // namespace hubcache::db
