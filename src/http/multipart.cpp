#include "hubcache/http/multipart.h"

#include <cstddef>
#include <memory>
#include <span>
#include <utility>

#include "hubcache/base/digest.h"
#include "hubcache/base/error.h"

namespace hubcache::http {
namespace {

constexpr std::size_t kBoundaryBytes = 16;  // random ones: no file holds it but by chance

Span bytes_of(std::string_view text) { return std::as_bytes(std::span(text)); }

class Multipart final : public SpanSource {
 public:
  Multipart(std::vector<RangePlan> parts, std::vector<std::string> heads, Body first,
            OpenRange open)
      : parts_(std::move(parts)),
        heads_(std::move(heads)),
        body_(std::move(first)),
        open_(std::move(open)) {}

  std::optional<std::uint64_t> size() const override {
    std::uint64_t total = 0;
    for (const RangePlan& part : parts_) total += part.range.length;
    for (const std::string& head : heads_) total += head.size();
    return total;
  }

  Task<Span> next() override {
    if (left_ > 0) co_return co_await more();
    if (at_ == heads_.size()) co_return FileSpan{};
    const std::string& head = heads_[at_];
    if (at_ < parts_.size()) {
      if (at_ > 0) {
        body_ = {};  // gives up its place at its fill, or its upstream
        body_ = co_await open_(parts_[at_]);
      }
      left_ = parts_[at_].range.length;
    }
    ++at_;
    co_return bytes_of(head);
  }

 private:
  Task<Span> more() {
    Span span;
    if (const auto* file = std::get_if<FileSpan>(&body_)) {
      span = *file;
    } else if (const auto text = text_of(body_)) {
      span = bytes_of(*text);
    } else if (const auto* source = std::get_if<std::unique_ptr<SpanSource>>(&body_)) {
      span = co_await (*source)->next();
    }
    const std::uint64_t length = length_of(span);
    if (length == 0 || length > left_) {
      throw Error(Error::Kind::kInternal, "internal error",
                  "a part is not as long as it should be");
    }
    left_ -= length;
    co_return span;
  }

  std::vector<RangePlan> parts_;
  std::vector<std::string> heads_;  // before each part, and what ends the last
  Body body_;                       // of the part that is being written
  OpenRange open_;
  std::size_t at_ = 0;      // of the head that comes next
  std::uint64_t left_ = 0;  // bytes of this part
};

}  // namespace

Task<Response> with_body(Response response, RangePlan plan, std::uint64_t size, OpenRange open) {
  if (plan.parts.empty()) {
    response.body = co_await open(std::move(plan));
    co_return response;
  }
  const std::string boundary = to_hex(random_bytes(kBoundaryBytes));
  const std::string type(response.headers.get("Content-Type").value_or(""));
  std::vector<RangePlan> parts;
  std::vector<std::string> heads;
  for (const ByteRange range : plan.parts) {
    std::string head = (heads.empty() ? "--" : "\r\n--") + boundary + "\r\n";
    if (!type.empty()) head += "Content-Type: " + type + "\r\n";
    head += "Content-Range: " + content_range(range, size) + "\r\n\r\n";
    heads.push_back(std::move(head));
    parts.push_back(plan.of_part(range, size));
  }
  heads.push_back("\r\n--" + boundary + "--\r\n");
  auto first = co_await open(parts.front());
  response.headers.set("Content-Type", "multipart/byteranges; boundary=" + boundary);
  response.body = std::make_unique<Multipart>(std::move(parts), std::move(heads), std::move(first),
                                              std::move(open));
  co_return response;
}

}  // namespace hubcache::http
