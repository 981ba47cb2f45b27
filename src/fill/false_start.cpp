#include "false_start.h"

#include "hubcache/base/error.h"

namespace hubcache::fill {

void FalseStart::refuse(const std::string& origin, const Digest& digest, std::uint64_t size,
                        http::ByteRange range, bool to_end) const {
  if (range.offset == 0 && (range.end() == size || range.length == 1)) return;
  const auto since = store_.bad_since(origin, digest);
  if (!since) return;
  const auto ends = *since + (to_end ? store_.options().bad_digest_time : closed_refused_);
  const auto left = std::chrono::ceil<std::chrono::seconds>(ends - clock_.now());
  if (left.count() <= 0) return;
  throw Error(Error::Kind::kUnavailable,
              to_end ? "a download of this file was corrupt: delete what you have of it and start "
                       "again"
                     : "a download of this file was corrupt: until parts of it are served again, "
                       "it can only be had from its beginning",
              Error::HubDetail{.retry_after = left});
}

}  // namespace hubcache::fill
