#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "hubcache/content/counts.h"
#include "hubcache/content/services.h"
#include "hubcache/content/upstream_file.h"
#include "hubcache/http/message.h"
#include "hubcache/http/range.h"

namespace hubcache::content {

/// How a reader is served.
enum class Manner : std::uint8_t {
  kPlain,
  kStreamed,  // the remote's policy: nothing is stored
  /// By Xet: whole chunks to who checks none of them. Nothing is passed through that is not
  /// verified in the end, and a false start, which the token would tell of, is not suspected.
  kXet,
  kXetWhole,  // the same, and all of the file will be read
};

/// The bytes of a file for one reader, who may read it: from the store, from the running fill, or
/// straight from the Hub (DESIGN 3, 7). Lives on one worker.
class FileBytes {
 public:
  explicit FileBytes(Services& services) : services_(services) {}

  /// The part that `plan` names, which is one range. Says in `served` where it comes from. `row`:
  /// the blob's, if it was read just before.
  Task<http::Body> open(UpstreamFile file, Manner manner, http::RangePlan plan,
                        http::Served& served, std::optional<store::BlobRow> row = std::nullopt);
  /// The same for the whole of a file that is stored, open on this worker and proven for the repo;
  /// nullopt: open() has to be asked.
  std::optional<http::FileSpan> at_once(const hub::Endpoint& endpoint, const hub::RepoId& repo,
                                        const catalog::Entry& entry, const http::RangePlan& plan,
                                        http::Served& served);
  /// The same by the key of Proofs.
  std::optional<http::FileSpan> whole_at_once(const catalog::Entry& entry, std::string_view proof,
                                              http::Served& served);
  /// The same for a blob that was proven, which is not taken back, and whose file was `expected`
  /// then; it need not be open.
  std::optional<http::FileSpan> stored_at_once(const Digest& digest,
                                               const store::Disk::FileSize& expected,
                                               http::Served& served);
  /// The entry's blob if it is open on this worker and proven for the repo; counts nothing.
  std::shared_ptr<const store::Blob> open_blob(const catalog::Entry& entry, std::string_view proof);
  /// Straight from the Hub, nothing stored.
  Task<http::Body> pass(UpstreamFile file, http::RangePlan plan, bool with_start = false);

  const HitCounts& hits() const noexcept { return hits_; }

 private:
  Task<http::Body> body_of_blob(std::shared_ptr<const store::Blob> blob, UpstreamFile file,
                                Manner manner, http::RangePlan plan, http::Served& served);
  Task<http::Body> fill_or_pass(UpstreamFile file, Manner manner, http::RangePlan plan, bool afresh,
                                http::Served& served);
  Task<http::Body> join_fill(UpstreamFile file, Manner manner, http::RangePlan plan, bool afresh,
                             http::Served& served);
  bool is_doubtful_part(const UpstreamFile& file, const http::RangePlan& plan) const;
  void locate(UpstreamFile& file) const;
  Task<std::shared_ptr<const store::Blob>> stored(Digest digest,
                                                  std::optional<store::BlobRow> row = std::nullopt);
  Task<http::Body> instead_of_fill(UpstreamFile file, Manner manner, http::RangePlan plan,
                                   http::Served& served);
  Task<bool> proven_against_fill(UpstreamFile file, std::string via, bool afresh);
  fill::Wish wish(const UpstreamFile& file, const std::string& repo, Manner manner,
                  const http::RangePlan& plan) const;
  fill::Payer payer(const std::string& client) const;

  Services& services_;
  HitCounts hits_;
};

}  // namespace hubcache::content
