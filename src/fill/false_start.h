#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "hubcache/base/clock.h"
#include "hubcache/base/digest.h"
#include "hubcache/http/range.h"
#include "hubcache/store/store.h"

namespace hubcache::fill {

/// Tells the requests that could complete a false file (SECURITY 12).
///
/// A client that was cut because of a false byte keeps what it has and asks for the rest, by itself
/// within seconds or when it is started again weeks later. Nothing in its request says that its
/// start is false, and the blob may be stored and right by then, thanks to another client. So the
/// form of the request decides, for as long as the store remembers the digest as bad (30 days):
///
///     the whole; the first byte alone, by which clients learn a size    is served
///     N- (curl, wget, huggingface_hub resume so)                        is refused
///     closed ranges (aria2 resumes so; readers of single tensors,       are refused for a while,
///     tables or archive members know nothing else)                      longer than a client goes
///                                                                       on trying by itself
///
/// Later closed ranges are served, but verified bytes only. A client that resumes by them after
/// that while, and checks nothing, can end with a false file: to refuse them longer would close the
/// file to those who read parts of it. (aria2 checks: content sends it a Digest.)
class FalseStart {
 public:
  FalseStart(const store::Store& store, const Clock& clock, std::chrono::minutes closed_refused)
      : store_(store), clock_(clock), closed_refused_(closed_refused) {}

  bool is_bad(const std::string& origin, const Digest& digest) const {
    return store_.bad_since(origin, digest).has_value();
  }
  /// Throws kUnavailable; the message tells people what to do, and programs until when it is so.
  void refuse(const std::string& origin, const Digest& digest, std::uint64_t size,
              http::ByteRange range, bool to_end) const;

 private:
  const store::Store& store_;
  const Clock& clock_;
  std::chrono::minutes closed_refused_;
};

}  // namespace hubcache::fill
