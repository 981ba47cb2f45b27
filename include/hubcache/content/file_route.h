#pragma once

#include <chrono>
#include <memory>
#include <optional>

#include "hubcache/catalog/catalog.h"
#include "hubcache/content/file_bytes.h"
#include "hubcache/content/services.h"
#include "hubcache/content/warm_files.h"
#include "hubcache/http/message.h"
#include "hubcache/http/range.h"
#include "hubcache/hub/grammar.h"

namespace hubcache::content {

/// GET and HEAD of files (DESIGN 3). Lives on one worker.
class FileRoute {
 public:
  FileRoute(Services& services, FileBytes& bytes, WarmFiles& warm)
      : services_(services), bytes_(bytes), warm_(warm) {}

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
  /// What has to be known of a file before it is answered.
  struct Found {
    access::Right right{};
    catalog::Commit commit{};
    catalog::EntryPtr entry{};
    std::chrono::microseconds waited{};   // for the Hub
    std::optional<store::BlobRow> row{};  // of the blob, if it was read
  };
  std::optional<Found> found_at_once(hub::Probe& probe);
  Task<Found> find(hub::Probe& probe, const Place& place, hub::Route::Kind kind);
  Task<> find_entry(hub::Probe& probe, Found& found);
  Task<bool> can_be_checked(hub::EndpointPtr endpoint, hub::RepoId repo, catalog::EntryPtr entry,
                            std::optional<store::BlobRow> row);
  Task<access::Right> require_right(hub::Probe& probe, const Place& place, hub::Route::Kind kind);
  Task<http::Body> open_part(UpstreamFile file, Manner manner, http::RangePlan plan,
                             std::shared_ptr<http::Served> served);

  Services& services_;
  FileBytes& bytes_;
  WarmFiles& warm_;
};

}  // namespace hubcache::content
