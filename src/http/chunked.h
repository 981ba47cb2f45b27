#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace hubcache::http {

/// Takes a chunked body apart as its bytes come in (RFC 9112 section 7.1). Lines are bounded, end
/// in CRLF, and trailers are dropped.
class ChunkedDecoder {
 public:
  /// Takes bytes off the front of `input` and returns the next piece of the body among them; empty
  /// when more input is needed, the body has ended or it is malformed.
  std::string_view take(std::string_view& input);

  bool done() const noexcept { return state_ == State::kDone; }
  bool bad() const noexcept { return state_ == State::kBad; }

 private:
  enum class State {
    kSize,
    kExtension,
    kSizeEnd,
    kPayload,
    kPayloadCr,
    kPayloadLf,
    kTrailer,
    kTrailerLine,
    kTrailerLineEnd,
    kTrailerEnd,
    kDone,
    kBad
  };
  State step(char c);
  State size_digit(char c);
  State after_size() const { return size_ == 0 ? State::kTrailer : State::kPayload; }

  State state_ = State::kSize;
  std::uint64_t size_ = 0;      // of the chunk, then what is left of it
  std::size_t digits_ = 0;      // of the size
  std::size_t line_bytes_ = 0;  // of the current size line, or all trailers
};

/// The line before a chunk of `size` bytes, which is followed by an end of line; 0 is the last.
void append_chunk_head(std::string& out, std::uint64_t size);

}  // namespace hubcache::http
