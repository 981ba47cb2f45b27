#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "hubcache/base/clock.h"
#include "hubcache/base/digest.h"
#include "hubcache/base/workers.h"
#include "hubcache/fill/source.h"
#include "hubcache/http/message.h"
#include "hubcache/http/range.h"
#include "hubcache/obs/log.h"
#include "hubcache/store/store.h"

namespace hubcache::fill {

/// What a reader wants of which blob, and by which right.
struct Wish {
  std::string origin;        // hub::Endpoint::origin_key(): fills are shared within it
  Digest digest;
  std::uint64_t size = 0;
  http::ByteRange range;
  bool to_end = true;        // whole body, or open-ended range: gets the last block after verify()
  std::string via;           // the repo it is read through (scope and canonical repo)
  SourceFactory source;
  int connections = 4;       // at most, for files above 64 MiB
};

/// How the reader was served, for the access log and for proofs.
struct Joined {
  std::unique_ptr<http::SpanSource> body;
  bool started = false;      // this reader started the fill (a miss), else it joined
};

/// All downloads under way, one per digest and hub origin; a fill lives on the worker its digest
/// picks. Callable from any worker.
class Fills {
 public:
  struct Options {
    std::chrono::milliseconds retry_delay{500};  // first backoff; doubles, with jitter
    int max_retries = 3;
    std::chrono::milliseconds drip_interval{3'000};  // while the last block is held back
    bool strict = false;  // [content] integrity = "strict": closed ranges wait for verify() too
    /// Called on the fill's worker once a blob was verified whose bytes all came through `via`
    /// (this run or an earlier one): that repo needs no further proof.
    std::function<void(std::string origin, std::string via, Digest digest)> on_verified;
  };
  Fills(Workers& workers, store::Store& store, Options options, const Clock& clock, obs::Log& log);
  ~Fills();

  /// Joins the fill of the blob, or starts it. Throws kUnavailable for a resume of a blob whose
  /// last download was false (SECURITY 12), kNoSpace when there is no room (the caller then passes
  /// through).
  Task<Joined> join(Wish wish);

  /// The repo whose bytes a running or parked fill of this blob is made of; empty when there is no
  /// fill. A reader through another repo needs a proof first (SECURITY 8).
  Task<std::string> source_repo(std::string origin, Digest digest);

  /// Parks every fill at a block boundary.
  Task<void> park();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace hubcache::fill
