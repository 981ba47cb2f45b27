#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "hubcache/base/digest.h"
#include "hubcache/base/joined.h"

namespace hubcache::store {

/// Where things lie below the data directory (DESIGN 4).
class Layout {
 public:
  explicit Layout(std::filesystem::path root) : root_(std::move(root)) {}

  const std::filesystem::path& root() const noexcept { return root_; }
  std::filesystem::path blobs() const { return root_ / "blobs"; }
  std::filesystem::path blob_directory(const Digest& digest) const {
    return blob(digest).parent_path();
  }
  std::filesystem::path blob(const Digest& digest) const { return blob_name(digest); }
  /// The same as text, for who opens many: a path is taken apart when it is made.
  std::string blob_name(const Digest& digest) const {
    const std::string_view hex = digest.hex();
    return joined({root_.native(), "/blobs/", digest.algorithm_name(), "/", hex.substr(0, 2), "/",
                   hex.substr(2)});
  }

  /// Files that turned out false, for the operator to look at, until their room is needed.
  std::filesystem::path quarantine() const { return root_ / "quarantine"; }
  std::filesystem::path quarantined(const Digest& digest) const {
    return quarantine() / (std::string(digest.algorithm_name()) + "-" + digest.hex());
  }

  std::filesystem::path fills() const { return root_ / "fills"; }
  std::filesystem::path part(const std::string& fill) const { return fills() / (fill + ".part"); }
  std::filesystem::path map(const std::string& fill) const { return fills() / (fill + ".map"); }
  /// A fill's name: bytes of two hub origins never meet in one file.
  static std::string fill_name(const Digest& digest, const std::string& origin) {
    constexpr std::size_t kOriginDigits = 16;
    return std::string(digest.algorithm_name()) + "-" + digest.hex() + "-" +
           keyed_hash("hubcache fill", origin).substr(0, kOriginDigits);
  }

 private:
  std::filesystem::path root_;
};

}  // namespace hubcache::store
