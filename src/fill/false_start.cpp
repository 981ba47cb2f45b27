#include "false_start.h"

#include "hubcache/base/error.h"

namespace hubcache::fill {

void FalseStart::refuse(const std::string& origin, const Digest& digest, std::uint64_t size,
                        http::ByteRange range, bool to_end) const {
  if (range.offset == 0 && (range.end() == size || range.length == 1)) return;
  const auto since = store_.bad_since(origin, digest);
  if (!since) return;
  if (to_end) {
    throw Error(Error::Kind::kUnavailable,
                "a download of this file was corrupt: delete what you have of it and start again");
  }
  if (clock_.now() < *since + closed_refused_) {
    throw Error(Error::Kind::kUnavailable,
                "a download of this file was corrupt: until parts of it are served again, it can "
                "only be had from its beginning");
  }
}

}  // namespace hubcache::fill
