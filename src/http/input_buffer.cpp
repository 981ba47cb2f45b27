#include "input_buffer.h"

#include <cstring>
#include <utility>

namespace hubcache::http {

void InputBuffer::consume(std::size_t size) {
  begin_ += size;
  if (begin_ == end_) begin_ = end_ = 0;
}

asio::mutable_buffer InputBuffer::room(std::size_t least) {
  if (begin_ > 0) {
    std::memmove(bytes_.data(), bytes_.data() + begin_, end_ - begin_);
    end_ -= std::exchange(begin_, 0);
  }
  if (bytes_.size() - end_ < least) bytes_.resize(end_ + least);
  return asio::buffer(bytes_.data() + end_, bytes_.size() - end_);
}

void InputBuffer::shrink(std::size_t most) {
  const auto bytes = view();
  if (bytes_.size() <= most || bytes.size() > most) return;
  bytes_ = std::vector<char>(bytes.begin(), bytes.end());
  begin_ = 0;
  end_ = bytes_.size();
}

}  // namespace hubcache::http
