#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace hubcache {

/// The name of a blob: an algorithm and its value in lower-case hex.
class Digest {
 public:
  enum class Algorithm : std::uint8_t { kSha256, kGitSha1 };

  /// `hex` must be 64 (sha256) or 40 (git blob sha1) hexadecimal digits; upper case is folded.
  /// Anything else, the 64 `*` of a masked digest included, is unknown: nullopt.
  static std::optional<Digest> parse(Algorithm algorithm, std::string_view hex);
  /// By length: 64 digits are a sha256 (LFS), 40 a git blob sha1.
  static std::optional<Digest> from_etag(std::string_view hex);
  /// What text() wrote; nullopt for anything else.
  static std::optional<Digest> from_text(std::string_view text);

  Algorithm algorithm() const noexcept { return algorithm_; }
  const std::string& hex() const noexcept { return hex_; }
  /// "sha256" or "gitsha1", as directories and rows spell it.
  std::string_view algorithm_name() const noexcept;
  /// "sha256:ab12..."
  std::string text() const;

  /// The value itself: 32 bytes, of which git's are the first 20.
  using Bytes = std::array<char, 32>;
  Bytes bytes() const;
  static Digest from_bytes(Algorithm algorithm, const Bytes& bytes);

  auto operator<=>(const Digest&) const = default;

 private:
  friend class Hasher;
  Digest(Algorithm algorithm, std::string hex) : algorithm_(algorithm), hex_(std::move(hex)) {}
  Algorithm algorithm_;
  std::string hex_;
};

/// Computes a blob's digest over its bytes in order. A git digest is
/// sha1("blob <size>\0" + bytes), so the size is needed beforehand.
class Hasher {
 public:
  Hasher(Digest::Algorithm algorithm, std::uint64_t size);
  Hasher(const Hasher&) = delete;
  Hasher& operator=(const Hasher&) = delete;
  Hasher(Hasher&&) noexcept;
  Hasher& operator=(Hasher&&) noexcept;
  ~Hasher();

  void update(std::span<const std::byte> bytes);
  /// Ends the computation; the hasher cannot be used afterwards.
  Digest finish();
  /// One that has seen the same bytes.
  Hasher copy() const;

 private:
  struct State;
  explicit Hasher(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

/// HMAC-SHA256 in hex: how tokens are known in memory and rows (never in clear).
std::string keyed_hash(std::string_view key, std::string_view text);
/// `count` bytes from the system's random source.
std::string random_bytes(std::size_t count);
std::string to_hex(std::string_view bytes);
/// Digits of either case; nullopt for anything else.
std::optional<std::string> from_hex(std::string_view hex);
/// Compares in time that depends on the lengths only.
bool constant_time_equal(std::string_view a, std::string_view b);

}  // namespace hubcache

template <>
struct std::hash<hubcache::Digest> {
  std::size_t operator()(const hubcache::Digest& digest) const noexcept {
    return std::hash<std::string>{}(digest.hex());
  }
};
