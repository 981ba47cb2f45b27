#include "reader.h"

#include <algorithm>
#include <utility>

#include "hubcache/base/workers.h"

namespace hubcache::fill {
namespace {

constexpr std::uint64_t kMostInASpan = std::uint64_t{4} << 20;

}  // namespace

Reader::Reader(Executor home, std::shared_ptr<Progress> progress, Ticket ticket,
               std::shared_ptr<const Fd> file, http::ByteRange range)
    : home_(std::move(home)),
      progress_(std::move(progress)),
      ticket_(std::move(ticket)),
      file_(std::move(file)),
      range_(range),
      offset_(range.offset),
      readable_(range.offset) {}

Task<http::Span> Reader::next() {
  if (offset_ == range_.end()) co_return http::FileSpan{};
  if (readable_ <= offset_ || progress_->is_false()) {
    readable_ = co_await on(home_, Progress::wait_past(progress_, ticket_.seat(), offset_));
  }
  const std::uint64_t end = std::min({range_.end(), readable_, offset_ + kMostInASpan});
  http::FileSpan span{.file = file_, .offset = offset_, .length = end - offset_};
  offset_ = end;
  co_return span;
}

Task<Rest> Reader::rest() {
  co_return co_await on(home_, Progress::rest(progress_, ticket_.seat(), offset_));
}

}  // namespace hubcache::fill
