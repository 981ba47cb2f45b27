#pragma once

#include "hubcache/content/file_bytes.h"
#include "hubcache/content/services.h"
#include "hubcache/http/message.h"
#include "hubcache/hub/types.h"

namespace hubcache::content {

/// Files that are asked for by digest, as git-lfs and /v2 do: under the same rights and proofs as
/// by their path, and only where the Hub names them for the very repo (SECURITY 8). Lives on one
/// worker.
class DigestFiles {
 public:
  DigestFiles(Services& services, FileBytes& bytes) : services_(services), bytes_(bytes) {}

  /// GET and HEAD. `said` has what the route says of the file beside what is said of each.
  Task<http::Response> get(const http::Request& request, Place place, hub::FileRef file,
                           http::Headers said = {});

 private:
  Task<http::Response> answer(const http::Request& request, const Place& place,
                              const hub::FileRef& file, const http::Headers& said);
  Task<http::Body> open_part(UpstreamFile file, Manner manner, http::RangePlan plan,
                             std::shared_ptr<http::Served> served);

  Services& services_;
  FileBytes& bytes_;
};

}  // namespace hubcache::content
