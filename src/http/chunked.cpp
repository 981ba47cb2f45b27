#include "chunked.h"

#include <algorithm>
#include <array>
#include <charconv>

namespace hubcache::http {
namespace {

constexpr std::size_t kMaxSizeLine = 256;
constexpr std::size_t kMaxTrailers = 8 * 1024;
constexpr std::size_t kMaxDigits = 15;

bool is_text(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return (byte >= 0x20 && byte != 0x7f) || c == '\t';
}

}  // namespace

std::string_view ChunkedDecoder::take(std::string_view& input) {
  while (!input.empty() && !done() && !bad()) {
    if (state_ == State::kPayload) {
      const auto piece = input.substr(0, std::min<std::uint64_t>(size_, input.size()));
      input.remove_prefix(piece.size());
      size_ -= piece.size();
      if (size_ == 0) state_ = State::kPayloadCr;
      return piece;
    }
    const char c = input.front();
    input.remove_prefix(1);
    state_ = step(c);
  }
  return {};
}

ChunkedDecoder::State ChunkedDecoder::step(char c) {
  switch (state_) {
    case State::kSize:
      return size_digit(c);
    case State::kExtension:
      if (c == '\r') return State::kSizeEnd;
      return is_text(c) && ++line_bytes_ <= kMaxSizeLine ? State::kExtension : State::kBad;
    case State::kSizeEnd:
      line_bytes_ = 0;
      return c == '\n' ? after_size() : State::kBad;
    case State::kPayloadCr:
      return c == '\r' ? State::kPayloadLf : State::kBad;
    case State::kPayloadLf:
      size_ = 0;
      digits_ = 0;
      return c == '\n' ? State::kSize : State::kBad;
    case State::kTrailer:
      if (c == '\r') return State::kTrailerEnd;
      [[fallthrough]];
    case State::kTrailerLine:
      if (c == '\r') return State::kTrailerLineEnd;
      return is_text(c) && ++line_bytes_ <= kMaxTrailers ? State::kTrailerLine : State::kBad;
    case State::kTrailerLineEnd:
      return c == '\n' ? State::kTrailer : State::kBad;
    case State::kTrailerEnd:
      return c == '\n' ? State::kDone : State::kBad;
    case State::kPayload:
    case State::kDone:
    case State::kBad:
      break;
  }
  return State::kBad;
}

ChunkedDecoder::State ChunkedDecoder::size_digit(char c) {
  const bool any = digits_ > 0;
  if (any && c == '\r') return State::kSizeEnd;
  if (any && (c == ';' || c == ' ' || c == '\t')) return State::kExtension;
  unsigned value = 0;
  if (c >= '0' && c <= '9') {
    value = static_cast<unsigned>(c - '0');
  } else if (c >= 'a' && c <= 'f') {
    value = static_cast<unsigned>(c - 'a') + 10;
  } else if (c >= 'A' && c <= 'F') {
    value = static_cast<unsigned>(c - 'A') + 10;
  } else {
    return State::kBad;
  }
  if (++digits_ > kMaxDigits) return State::kBad;
  size_ = size_ * 16 + value;
  return State::kSize;
}

void append_chunk_head(std::string& out, std::uint64_t size) {
  constexpr int kHex = 16;
  std::array<char, kHex> digits{};
  const auto* const end = std::to_chars(digits.begin(), digits.end(), size, kHex).ptr;
  out.append(digits.data(), static_cast<std::size_t>(end - digits.data()));
  out += "\r\n";
}

}  // namespace hubcache::http
