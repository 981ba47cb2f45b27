#include "hubcache/xet/xorb_body.h"

#include <algorithm>
#include <memory>
#include <utility>
#include <variant>

namespace hubcache::xet {

XorbBody::XorbBody(const Layout& layout, std::uint64_t xorb, http::ByteRange packed,
                   http::Body data)
    : layout_(layout), xorb_(xorb), packed_(packed), data_(std::move(data)), at_(packed.offset) {}

Task<http::Span> XorbBody::next() {
  if (at_ == packed_.end()) co_return http::Span();
  const auto record = at_ / kPackedChunk * kPackedChunk;
  const auto record_end = std::min(record + kPackedChunk, layout_.packed_size(xorb_));
  const auto left = std::min(record_end, packed_.end()) - at_;
  if (at_ - record < kHeaderSize) {
    header_ = chunk_header(record_end - record - kHeaderSize);
    const auto skipped = static_cast<std::size_t>(at_ - record);
    const auto count = static_cast<std::size_t>(std::min(kHeaderSize - skipped, left));
    at_ += count;
    co_return std::as_bytes(std::span(header_).subspan(skipped, count));
  }
  if (http::length_of(ahead_) == 0) co_await read_on();
  auto span = take(left);
  at_ += http::length_of(span);
  co_return span;
}

Task<> XorbBody::read_on() {
  if (auto* file = std::get_if<http::FileSpan>(&data_)) {
    ahead_ = std::exchange(*file, {});
  } else if (auto* source = std::get_if<std::unique_ptr<http::SpanSource>>(&data_)) {
    ahead_ = co_await (*source)->next();
  }
}

/// As much of what was read, which is empty at the end of the data.
http::Span XorbBody::take(std::uint64_t most) {
  if (auto* file = std::get_if<http::FileSpan>(&ahead_)) {
    auto part = *file;
    part.length = std::min(part.length, most);
    file->offset += part.length;
    file->length -= part.length;
    return part;
  }
  auto& memory = std::get<std::span<const std::byte>>(ahead_);
  const auto part =
      memory.first(static_cast<std::size_t>(std::min<std::uint64_t>(memory.size(), most)));
  memory = memory.subspan(part.size());
  return part;
}

}  // namespace hubcache::xet
