#pragma once

#include <memory>
#include <optional>
#include <string>

#include "hubcache/base/digest.h"
#include "hubcache/fill/fills.h"
#include "hubcache/fill/source.h"
#include "hubcache/http/message.h"
#include "hubcache/http/range.h"
#include "hubcache/hub/hub.h"
#include "hubcache/obs/log.h"
#include "hubcache/store/store.h"

namespace hubcache::content {

/// One file at one commit, as one caller may read it upstream.
struct UpstreamFile {
  hub::EndpointPtr endpoint;
  hub::Credential credential;
  hub::FileRef file;     // its revision is a commit id: no later change can mix in
  std::string location;  // where a HEAD found the bytes; empty: not known, or the catalog knows
  std::optional<Digest> digest;
  std::uint64_t size = 0;
  std::string client{};     // whose budget it counts for; empty: nobody's
  bool background = false;  // nobody waits for it
};

/// The file as a fill's source; used on the worker whose `hub` it is given.
std::unique_ptr<fill::Source> make_source(hub::Hub& hub, UpstreamFile file);

/// The remote as its connections are counted.
fill::RemoteLimit limit_of(const hub::Endpoint& endpoint);

/// Refuses whatever it is asked: for a reader that must see only what others brought.
std::unique_ptr<fill::Source> make_refusing_source();

/// What is known of the bytes before a range, or will be.
struct FileStart {
  bool is_read = false;          // it is fetched too, hashed, and dropped
  std::optional<Hasher> hash{};  // of it
};

/// The file's bytes straight from upstream to one reader, nothing stored: for `streamed` remotes,
/// files without a digest, and when there is no room. A read of the whole file is hashed, and one
/// of its end when `start` says how all that comes before is known; the last bytes are only handed
/// out when the digest is right; else it is remembered as bad, and kCorrupt thrown. Until its first
/// bytes are there its connection counts among those of `fills`.
Task<std::unique_ptr<http::SpanSource>> pass_through(hub::Hub& hub, fill::Fills& fills,
                                                     store::Store& store, UpstreamFile file,
                                                     http::ByteRange range, FileStart start = {});

/// The bytes of `range` that `filled` brings, and when the disk fails it, the rest as
/// pass_through() does, with a warning in the log.
std::unique_ptr<http::SpanSource> filled_or_passed(std::unique_ptr<fill::ReaderBody> filled,
                                                   hub::Hub& hub, fill::Fills& fills,
                                                   store::Store& store, UpstreamFile file,
                                                   http::ByteRange range, obs::Log& log);

}  // namespace hubcache::content
