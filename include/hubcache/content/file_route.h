#pragma once

#include <memory>

#include "hubcache/catalog/catalog.h"
#include "hubcache/content/services.h"
#include "hubcache/content/upstream_file.h"
#include "hubcache/http/message.h"
#include "hubcache/http/range.h"
#include "hubcache/hub/grammar.h"

namespace hubcache::content {

/// GET and HEAD of files (DESIGN 3). Lives on one worker.
class FileRoute {
 public:
  explicit FileRoute(Services& services) : services_(services) {}

  /// `resolve` and `raw`: one file at one revision. `raw` gives the pointer of a LFS file.
  Task<http::Response> get(const http::Request& request, Place place, hub::Route asked);
  /// Has a file stored, as if somebody read it to its end; false when it cannot be.
  Task<bool> keep(Place place, hub::FileRef file);
  /// A file of a bucket: it has no commit to be kept under, so each request is passed through.
  Task<http::Response> get_from_bucket(const http::Request& request, Place place,
                                       hub::FileRef file);

 private:
  Task<http::Response> answer(const http::Request& request, const Place& place,
                              const hub::Route& asked);
  Task<access::Right> require_right(hub::Probe& probe, hub::Route::Kind kind);
  Task<http::Body> open_body(UpstreamFile file, const Place& place, http::RangePlan plan,
                             http::Served& served);
  Task<http::Body> open_part(UpstreamFile file, Place place, http::RangePlan plan,
                             std::shared_ptr<http::Served> served);
  Task<http::Body> body_of_blob(std::shared_ptr<const store::Blob> blob, UpstreamFile file,
                                std::string repo, http::RangePlan plan);
  Task<http::Body> join_fill(UpstreamFile file, std::string repo, http::RangePlan plan,
                             http::Served& served);
  Task<bool> proven_against_fill(UpstreamFile file, std::string repo, std::string via);
  Task<http::Body> pass(UpstreamFile file, http::RangePlan plan);
  fill::Wish wish(const UpstreamFile& file, const std::string& repo,
                  const http::RangePlan& plan) const;

  Services& services_;
};

}  // namespace hubcache::content
