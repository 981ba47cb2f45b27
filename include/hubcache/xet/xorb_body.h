#pragma once

#include <cstdint>
#include <string>

#include "hubcache/http/message.h"
#include "hubcache/http/range.h"
#include "hubcache/xet/layout.h"

namespace hubcache::xet {

/// A range of a xorb's bytes, made of the file's: headers put between, nothing copied.
class XorbBody final : public http::SpanSource {
 public:
  /// `data` is the body of Layout::data_of(xorb, packed).
  XorbBody(const Layout& layout, std::uint64_t xorb, http::ByteRange packed, http::Body data);

  std::optional<std::uint64_t> size() const override { return packed_.length; }
  Task<http::Span> next() override;

 private:
  Task<> read_on();
  http::Span take(std::uint64_t most);

  Layout layout_;
  std::uint64_t xorb_;
  http::ByteRange packed_;
  http::Body data_;
  http::Span ahead_;    // of the data: read, not handed out yet
  std::uint64_t at_;    // of the xorb's bytes: what comes next
  std::string header_;  // that was handed out last
};

}  // namespace hubcache::xet
