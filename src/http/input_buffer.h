#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

#include <boost/asio/buffer.hpp>

#include "hubcache/base/task.h"

namespace hubcache::http {

/// Bytes that were read and not yet used.
class InputBuffer {
 public:
  std::string_view view() const { return {bytes_.data() + begin_, end_ - begin_}; }
  bool empty() const { return begin_ == end_; }
  void consume(std::size_t size);
  /// Space for at least `least` more bytes.
  asio::mutable_buffer room(std::size_t least);
  void added(std::size_t size) { end_ += size; }
  /// Gives memory back if it is more than that, and the bytes in it are not.
  void shrink(std::size_t most = 0);

 private:
  std::vector<char> bytes_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
};

}  // namespace hubcache::http
