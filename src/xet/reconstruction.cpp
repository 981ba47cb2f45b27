#include "hubcache/xet/reconstruction.h"

#include <memory>
#include <optional>
#include <span>
#include <utility>

#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <nlohmann/json.hpp>

namespace hubcache::xet {
namespace {

std::string span(std::uint64_t start, std::uint64_t end) {
  return R"({"start":)" + std::to_string(start) + R"(,"end":)" + std::to_string(end) + "}";
}

std::string chunks_of(const Term& term) { return span(term.first_chunk, term.end_chunk); }

/// Where the xorbs are, then what the file is made of. Written as text: by way of JSON values it
/// takes twice as long, tokens and all.
class Reconstruction final : public http::SpanSource {
 public:
  /// Makes the first piece.
  Reconstruction(const Layout& layout, http::ByteRange range, Format format, XorbPlaces places)
      : layout_(layout), range_(range), format_(format), places_(std::move(places)) {
    piece_ = R"({"offset_into_first_range":)" + std::to_string(range.offset % kChunkSize);
    piece_ += format == Format::kV2 ? R"(,"xorbs":{)" : R"(,"fetch_info":{)";
    make_piece();
  }

  std::optional<std::uint64_t> size() const override { return std::nullopt; }

  /// The document, if the first piece is all of it.
  std::optional<std::string> whole() {
    if (part_ != Part::kEnd) return std::nullopt;
    return std::move(piece_);
  }

  Task<http::Span> next() override {
    if (!std::exchange(is_first_, false)) {
      piece_.clear();
      if (part_ == Part::kEnd) co_return http::Span();
      // A client that takes all at once never makes the session wait.
      co_await asio::post(co_await asio::this_coro::executor, use_task);
      make_piece();
    }
    co_return std::as_bytes(std::span(piece_));
  }

 private:
  enum class Part : std::uint8_t { kXorbs, kTerms, kEnd };

  void make_piece() {
    while (part_ != Part::kEnd && piece_.size() < kReconstructionPiece) go_on();
  }

  void go_on() {
    const auto term = layout_.term(range_, xorb_);
    if (!term) {
      end_part();
      return;
    }
    if (xorb_ != first_) piece_ += ',';
    if (part_ == Part::kXorbs) {
      add_xorb(*term);
    } else {
      add_term(*term);
    }
    ++xorb_;
  }

  void end_part() {
    const bool terms_follow = part_ == Part::kXorbs;
    piece_ += terms_follow ? R"(},"terms":[)" : "]}";
    part_ = terms_follow ? Part::kTerms : Part::kEnd;
    xorb_ = first_;
  }

  void add_xorb(const Term& term) {
    const auto hash = places_.hash_of(term.xorb);
    const auto url = nlohmann::json(places_.url_of(term.xorb, hash)).dump();
    const auto bytes = span(term.packed.offset, term.packed.end() - 1);
    ((piece_ += '"') += hash) += R"(":[{"url":)";
    piece_ += url;
    if (format_ == Format::kV2) {
      piece_ += R"(,"ranges":[{"chunks":)" + chunks_of(term) + R"(,"bytes":)" + bytes + "}]}]";
    } else {
      piece_ += R"(,"range":)" + chunks_of(term) + R"(,"url_range":)" + bytes + "}]";
    }
  }

  void add_term(const Term& term) {
    ((piece_ += R"({"hash":")") += places_.hash_of(term.xorb)) += '"';
    piece_ += R"(,"unpacked_length":)" + std::to_string(term.unpacked);
    piece_ += R"(,"range":)" + chunks_of(term) + "}";
  }

  Layout layout_;
  http::ByteRange range_;
  Format format_;
  XorbPlaces places_;
  const std::uint64_t first_ = range_.offset / kXorbData;
  std::uint64_t xorb_ = first_;  // that comes next
  Part part_ = Part::kXorbs;
  std::string piece_;
  bool is_first_ = true;
};

}  // namespace

http::Body reconstruction(const Layout& layout, http::ByteRange range, Format format,
                          XorbPlaces places) {
  auto source = std::make_unique<Reconstruction>(layout, range, format, std::move(places));
  if (auto whole = source->whole()) return *std::move(whole);
  return source;
}

}  // namespace hubcache::xet
