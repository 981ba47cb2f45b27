#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "hubcache/base/digest.h"
#include "hubcache/base/fd.h"

#include "hubsim/content.h"

namespace hubsim {

/// The bytes of one file. Small ones are in memory, others in a file that has no name: the page
/// cache holds them, not the process. Immutable, shared by threads.
class Blob {
 public:
  static std::shared_ptr<const Blob> make(const Content& content);

  std::uint64_t size() const noexcept { return size_; }
  /// -1 when the bytes are in memory.
  int fd() const noexcept { return file_.get(); }
  std::string_view memory() const noexcept { return memory_; }
  /// Bytes [offset, offset + length), cut at the end.
  std::string bytes(std::uint64_t offset, std::uint64_t length) const;
  /// True when a browser would show it as text.
  bool is_text() const;

  std::string sha256() const;
  std::string git_sha1() const;

 private:
  std::string digest(hubcache::Digest::Algorithm algorithm) const;
  std::uint64_t size_ = 0;
  std::string memory_;
  hubcache::Fd file_;
};

}  // namespace hubsim
