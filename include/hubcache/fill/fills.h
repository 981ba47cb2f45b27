#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "hubcache/base/clock.h"
#include "hubcache/base/digest.h"
#include "hubcache/base/workers.h"
#include "hubcache/fill/slots.h"
#include "hubcache/fill/source.h"
#include "hubcache/http/message.h"
#include "hubcache/http/range.h"
#include "hubcache/obs/counts.h"
#include "hubcache/obs/log.h"
#include "hubcache/store/store.h"

namespace hubcache::fill {

/// Who answers for what a wish has fetched (SECURITY 19). Called on the fill's worker.
struct Payer {
  /// When the fill takes the wish, whether the reader stays or not: bytes that nobody had wanted
  /// before; some may be there already. Not called when there are none.
  std::function<void(std::uint64_t bytes)> charge;
  /// The fill has ended, and upstream delivered nothing.
  std::function<void(std::uint64_t bytes)> refund;
};

/// What a reader wants of which blob, and by which right.
struct Wish {
  std::string origin;  // hub::Endpoint::origin_key(): fills are shared within it
  Digest digest;
  std::uint64_t size = 0;
  http::ByteRange range;
  bool to_end = true;  // whole body, or open-ended range: gets the last block after verify()
  bool verified_only = false;  // gets nothing before verify()
  bool fresh_start = false;    // holds nothing of a false download: no false start is refused
  bool wants_all = false;      // will ask for the rest of the blob too, range by range
  bool afresh = false;         // a stored blob will not do: another hub's bytes may be in it
  bool for_proof = false;      // its bytes are compared with the Hub's (SECURITY 8), not handed out
  bool background = false;     // nobody waits for it: its turn comes last, and may come late
  std::string via;             // the repo it is read through (scope and canonical repo)
  SourceFactory source;
  RemoteLimit remote{};  // of the source
  int connections = 4;   // at most, for files above 64 MiB
  int max_retries = 3;   // of this source, without a byte between them
  /// What source_repo() said when the reader's right to these bytes was looked at; join() throws
  /// kConflict when that no longer holds (another repo's fill began, or the blob is stored by now).
  std::optional<std::string> seen_via = std::nullopt;
  std::optional<Payer> payer = std::nullopt;  // none: nobody is charged
};

/// How a reader goes on without its fill: what is there yet, then upstream from `offset` on.
struct Rest {
  http::FileSpan present;
  std::uint64_t offset = 0;
  /// Of all bytes before `offset`, for a reader of the whole blob that has some of them.
  std::optional<Hasher> hash;
};

/// One reader's bytes, in order, as the fill brings them.
class ReaderBody : public http::SpanSource {
 public:
  /// After next() threw kNoSpace or kIo: the reader need not end with the fill. Throws that error
  /// again where the rest could not be verified.
  virtual Task<Rest> rest() = 0;
};

/// How the reader was served, for the access log and for proofs.
struct Joined {
  std::unique_ptr<ReaderBody> body;
  bool started = false;  // this reader started the fill (a miss), else it joined
};

/// What fills do and have come to, in all workers. Readable from any thread.
struct Counts {
  obs::Gauge running;
  obs::Gauge waiting;    // readers, for bytes that are not there yet
  obs::Counter stored;   // fills that ended with a verified blob,
  obs::Counter parked;   // with a part of it that is kept,
  obs::Counter corrupt;  // with bytes that are not what the Hub announced,
  obs::Counter disk;     // with a disk that failed,
  obs::Counter failed;   // or with another error
};

/// All downloads under way, one per digest and hub origin; a fill lives on the worker its digest
/// picks. Callable from any worker.
class Fills {
 public:
  struct Options {
    std::chrono::milliseconds retry_delay{500};      // first backoff; doubles, with jitter
    std::size_t connections = 128;                   // upstream, of all fills and passed bytes
    std::chrono::milliseconds first_byte{7'000};     // join() waits that long for upstream,
    std::chrono::milliseconds in_line{2'000};        // and of that for its turn to ask it at all
    std::chrono::milliseconds drip_interval{3'000};  // while the last block is held back
    std::chrono::milliseconds linger{2'000};  // of a fill of closed ranges, for the next range
    std::uint64_t unattended = std::uint64_t{64} << 30;  // bytes a fill goes on without a reader
    bool strict = false;  // [content] integrity = "strict": closed ranges wait for verify() too
    std::chrono::minutes closed_ranges_refused{10};  // after a false download (false_start.h)
    /// Awaited on the fill's worker once a blob was verified, before it can be found in the store:
    /// `origin` has delivered it whole. All bytes came through the repo `via` (in this run or an
    /// earlier one), which needs no further proof; it is empty when they came through several.
    std::function<Task<>(std::string origin, std::string via, Digest digest)> on_verified;
  };
  /// What source_repo() says when the bytes came through several repos; no repo is called that.
  static constexpr std::string_view kMixed = "*";

  Fills(Workers& workers, store::Store& store, Options options, const Clock& clock, obs::Log& log);
  ~Fills();
  Fills(const Fills&) = delete;
  Fills& operator=(const Fills&) = delete;

  /// Throws kUnavailable when this request, for a stored blob or not, could complete what a false
  /// download left with a client (SECURITY 12; the rule is in false_start.h). join() asks by
  /// itself.
  void refuse_false_start(const std::string& origin, const Digest& digest, std::uint64_t size,
                          http::ByteRange range, bool to_end) const;

  /// Options::strict.
  bool is_strict() const noexcept;
  /// Does who asks for this range get the end of the file, as far as anybody can tell? A large one
  /// that ends with the file is a way to complete it (SECURITY 12).
  static bool reads_to_end(http::ByteRange range, std::uint64_t size, bool open_ended) noexcept;

  /// Joins the fill of the blob, or starts it, and returns when upstream delivers (or the bytes are
  /// there already); also when upstream was not even asked within Options::in_line, for all
  /// connections are taken: the body waits on, and throws what comes of it. Throws what
  /// refuse_false_start() does, kNoSpace when there is no room and kIo when the disk fails (the
  /// caller then passes through), kConflict as Wish::seen_via says, the refusal of the wish's
  /// source, and kUpstream, kUpstreamTimeout or kCorrupt when upstream fails before the first byte.
  Task<Joined> join(Wish wish);

  /// For one connection that brings bytes past the store, to be held until they come. Throws
  /// kUpstreamTimeout when it is not the reader's turn within Options::first_byte.
  Task<Slot> slot_to_pass(RemoteLimit remote);

  /// The repo whose bytes a running or parked fill of this blob is made of; empty when there is no
  /// fill, kMixed when it is several. A reader through another repo needs a proof first (SECURITY
  /// 8).
  Task<std::string> source_repo(std::string origin, Digest digest);

  /// How much of this blob a running fill has, in whole blocks of 1 MiB; nullopt when none runs.
  Task<std::optional<std::uint64_t>> present(std::string origin, Digest digest);
  /// Returns when no fill of this blob runs: what became of it, the store knows.
  Task<void> wait_end(std::string origin, Digest digest);
  /// Lives as long as this.
  const Counts& counts() const noexcept;
  /// Of the connections upstream that bring bytes of files.
  Slots::Use connections() const;

  /// Keeps what every fill has for the next run and ends it; join() throws kUnavailable from now
  /// on. To be awaited before this object goes.
  Task<void> park();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace hubcache::fill
