#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>

#include <boost/asio/buffer.hpp>

#include "hubcache/base/task.h"

namespace hubcache::fill {

/// Bytes on their way from upstream. Dropping it gives the connection up.
class Stream {
 public:
  virtual ~Stream() = default;
  /// Where in the blob the bytes begin: what was asked for, or 0 when upstream ignored the range.
  virtual std::uint64_t offset() const = 0;
  /// The next bytes; 0 at the end.
  virtual Task<std::size_t> read(asio::mutable_buffer into) = 0;
};

/// Where the bytes of one blob come from: one repo's file with one caller's right. Made and used on
/// one worker; open() may be called while earlier calls and streams are under way. All waits can be
/// cancelled.
class Source {
 public:
  virtual ~Source() = default;
  /// Opens [offset, offset + length). Throws kUnauthorized, kForbidden or kNotFound when this
  /// source is refused (its readers end, the fill goes on with another, SECURITY 2); kCorrupt when
  /// the file is another one by now; kUpstream or kUpstreamTimeout when it may be tried again.
  virtual Task<std::unique_ptr<Stream>> open(std::uint64_t offset, std::uint64_t length) = 0;
};

/// Makes a source for use on `worker`.
using SourceFactory = std::function<std::unique_ptr<Source>(std::size_t worker)>;

}  // namespace hubcache::fill
