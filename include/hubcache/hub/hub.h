#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "hubcache/base/clock.h"
#include "hubcache/base/memory_room.h"
#include "hubcache/base/task.h"
#include "hubcache/hub/call_counts.h"
#include "hubcache/hub/outages.h"
#include "hubcache/hub/rate_limits.h"
#include "hubcache/hub/refusal.h"
#include "hubcache/hub/types.h"

namespace hubcache::hub {

using EndpointPtr = std::shared_ptr<const Endpoint>;

/// What a question does when the Hub wants to be left alone for a few seconds (429).
enum class Patience : std::uint8_t {
  kWait,
  kNone,  // fails at once: there is an older answer to serve
};

struct Means;

/// Bytes of a file on their way from the Hub or its CDN.
struct FileStream {
  http::ClientResponse response;
  std::uint64_t offset = 0;  // where they begin: 0 when the upstream ignored the range
  std::uint64_t size = 0;    // of the whole file, as this answer says it; 0 when it does not
  std::string location;      // the URL that delivers them, for the next range
};

/// Speaks the Hub's protocol, as seen from one worker. Redirects are followed here, at most five,
/// each checked (SECURITY 17): the token only to the hub's exact origin, no downgrade from https.
/// Retries connect failures, 5xx and 429 within `max_retries` and 8 s in all, and fails at once
/// during an outage, or while the hub asks for fewer requests for longer than a few seconds.
/// Throws kUpstream, kUpstreamTimeout, kTooManyRequests; what the Hub answers (401, 404, ...) is a
/// value.
class Hub {
 public:
  struct Options {
    std::string instance_id;                            // goes into Via; our own id is kLoop
    std::size_t max_document_bytes = 64 * 1024 * 1024;  // unpacked
    /// For documents, as long as they are in memory; null: they are not counted. Where it has none
    /// left, kUnavailable is thrown.
    std::shared_ptr<MemoryRoom> room{};
    /// By answers for files and documents; whoever asks for a right hears it himself.
    OnRepoChange on_change{};
  };
  /// All must outlive this.
  Hub(http::Client& client, Outages& outages, RateLimits& limits, Options options,
      const Clock& clock);

  /// HEAD of the file, up to the hub's redirect to its CDN (which is not followed). By digest, only
  /// the file that has it is found.
  Task<FileAnswer> head_file(EndpointPtr endpoint, Credential credential, FileRef file,
                             Patience patience = Patience::kWait);
  /// May this credential read the repo?
  Task<RepoAnswer> auth_check(EndpointPtr endpoint, Credential credential, RepoId repo);
  Task<DocumentAnswer> document(EndpointPtr endpoint, Credential credential, DocumentQuery query,
                                Patience patience = Patience::kWait);
  /// The answer, its body still on the wire. Throws what the Hub refuses it with.
  Task<http::ClientResponse> pass(EndpointPtr endpoint, Credential credential,
                                  PassedRequest request);
  /// Which of these large files the repo has, and where they can be had.
  Task<LfsAnswer> lfs_objects(EndpointPtr endpoint, Credential credential, RepoId repo,
                              std::vector<LfsObject> objects);
  /// GET of [offset, offset + length) of the file's bytes. `location` is where a HEAD found them,
  /// or empty; it is resolved anew when empty, expired or refused by the CDN (403).
  /// `expected` is the digest the bytes must have at the hub: kCorrupt when the hub now names
  /// another one.
  Task<FileStream> open_file(EndpointPtr endpoint, Credential credential, FileRef file,
                             std::string location, std::optional<Digest> expected,
                             std::uint64_t offset, std::uint64_t length);

  const CallCounts& calls() const noexcept { return *calls_; }

 private:
  Means means() const;
  Task<FileAnswer> head_lfs(EndpointPtr endpoint, Credential credential, FileRef file);
  Task<void> heed(EndpointPtr endpoint, Credential credential, RepoId asked, RepoId canonical,
                  int status, const http::Headers& headers) const;

  http::Client& client_;
  Outages& outages_;
  RateLimits& limits_;
  Options options_;
  const Clock& clock_;
  const std::unique_ptr<CallCounts> calls_ = std::make_unique<CallCounts>();
};

}  // namespace hubcache::hub
