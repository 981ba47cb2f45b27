#include "hubcache/content/lfs_pointer.h"

#include <span>

#include "hubcache/base/joined.h"

namespace hubcache::content {

std::string lfs_pointer(std::string_view sha256, std::uint64_t size) {
  return joined({"version https://git-lfs.github.com/spec/v1\noid sha256:", sha256, "\nsize ",
                 std::to_string(size), "\n"});
}

Digest git_digest(std::string_view text) {
  Hasher hasher(Digest::Algorithm::kGitSha1, text.size());
  hasher.update(std::as_bytes(std::span(text)));
  return hasher.finish();
}

}  // namespace hubcache::content
