#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "hubcache/base/error.h"
#include "hubcache/base/signal.h"
#include "hubcache/fill/source.h"
#include "hubcache/store/block_map.h"

namespace hubcache::fill::test {

/// A scripted upstream of one file. Belongs to the worker the fill lives on: tests change and read
/// it there (Runner::call).
class Upstream {
 public:
  explicit Upstream(std::string bytes) : bytes_(std::move(bytes)) {}

  // The script.
  store::ByteSpan held;            // bytes that are not delivered for now
  std::deque<Error> failures;      // the next open() calls throw these
  std::deque<std::uint64_t> cuts;  // the next streams end here, all too early
  bool ignores_ranges = false;
  void set_bytes(std::string bytes) { bytes_ = std::move(bytes); }
  /// Streams that are open now fail at their next read.
  void break_streams() { ++generation_; }
  /// Lets those who wait look at the script again.
  void changed() { changed_.notify(); }

  // What was asked and given.
  struct Request {
    std::uint64_t offset = 0;
    std::uint64_t length = 0;
    std::string by;
    bool operator==(const Request&) const = default;
  };
  std::vector<Request> requests;
  std::uint64_t delivered = 0;  // bytes, over all streams
  int streams = 0;              // that are open
  std::size_t room = 0;         // the most that was asked for in one read

  /// Waits until `is_so` holds; looked at whenever something happens here.
  Task<void> until(std::function<bool()> is_so);

  /// A source that reads from here and is called `by` in requests.
  std::unique_ptr<Source> source(std::string by);
  /// A source whose every open() is refused.
  std::unique_ptr<Source> refused_source(std::string by, Error::Kind kind);

 private:
  class FromHere;
  class Bytes;
  class Refused;
  std::string bytes_;
  int generation_ = 0;
  Signal changed_;
};

}  // namespace hubcache::fill::test
