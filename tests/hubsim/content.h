#pragma once

#include <cstdint>
#include <string>
#include <variant>

namespace hubsim {

/// What a file of the simulated Hub holds: a text, or bytes that are cheap to describe.
class Content {
 public:
  Content(std::string text) : what_(std::move(text)) {}
  Content(const char* text) : what_(std::string(text)) {}
  /// Pseudo-random bytes, a pure function of `seed` and position: see generated_bytes().
  static Content generated(std::uint64_t size, std::uint64_t seed) {
    return Content(Generated{size, seed});
  }
  /// Zeros that take no room on disk. Hashing them takes time all the same.
  static Content sparse(std::uint64_t size) { return Content(Sparse{size, false}); }
  /// The same, but for the first 8 bytes of each MiB: its number, counted from 1, little-endian.
  static Content numbered(std::uint64_t size) { return Content(Sparse{size, true}); }

  struct Generated {
    std::uint64_t size;
    std::uint64_t seed;
  };
  struct Sparse {
    std::uint64_t size;
    bool numbered;
  };
  using What = std::variant<std::string, Generated, Sparse>;
  const What& what() const noexcept { return what_; }

 private:
  explicit Content(Generated generated) : what_(generated) {}
  explicit Content(Sparse sparse) : what_(sparse) {}
  What what_;
};

/// Bytes [offset, offset + length) of Content::generated(size, seed), whatever its size.
std::string generated_bytes(std::uint64_t seed, std::uint64_t offset, std::uint64_t length);

}  // namespace hubsim
