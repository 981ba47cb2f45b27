#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>

namespace hubsim {

/// The two origins: the hub itself and its content delivery network.
enum class Host : std::uint8_t { kHub, kCdn };

/// Something that goes wrong with the requests it matches. All faults that match a request act on
/// it together. `offset` counts bytes of the whole file for kFlip and kHold, so that it means the
/// same to ranged requests; for kStall and kCut it counts bytes of this answer's body.
struct Fault {
  enum class Kind : std::uint8_t {
    kDelay,        // wait `delay` before the headers, or until the faults are cleared
    kStatus,       // answer `status` with `headers` and `body` instead; 429 adds ratelimit headers
    kLimit,        // a window of `delay` that begins with the first request: 429 till it ends, with
                   // ratelimit headers that say when (unless `headers` empties or sets them)
    kStall,        // stop sending after `offset` bytes, connection open, until released
    kCut,          // end the connection after `offset` bytes; by RST if `reset`
    kReset,        // RST before any answer
    kLength,       // Content-Length is `length` more than it should be (may be negative); the
                   // connection is closed after the body
    kFlip,         // the byte at `offset` of the file is inverted
    kIgnoreRange,  // 200 and the whole file to a ranged request
    kHold,         // bytes from `offset` of the file on wait until released
    kPace,         // no more than `bytes_per_second` an answer, or for all if `together`
    kEtag,         // the strong ETag and X-Linked-ETag name other content of the same kind
    kExpire,       // hub: signed URLs are handed out expired; cdn: every URL counts as expired
    kHeader,       // sets `headers`; an empty value removes that header
  };

  Kind kind;
  Host host = Host::kHub;
  std::string match = {};   // a substring of the raw target; empty: every request
  std::string method = {};  // empty: every method
  std::uint64_t offset = 0;
  int status = 500;
  std::chrono::milliseconds delay{0};
  std::uint64_t bytes_per_second = 0;
  bool together = false;  // as a link that all share
  std::int64_t length = 1;
  bool reset = true;
  std::map<std::string, std::string> headers = {};
  std::string body = {};
  std::uint64_t skip = 0;                   // so many matching requests pass unharmed first
  std::optional<std::uint64_t> count = {};  // acts on so many requests; none: on all
};

}  // namespace hubsim
