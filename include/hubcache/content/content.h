#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "hubcache/access/caller.h"
#include "hubcache/content/api_route.h"
#include "hubcache/content/browsers.h"
#include "hubcache/content/counts.h"
#include "hubcache/content/digest_files.h"
#include "hubcache/content/document_route.h"
#include "hubcache/content/file_route.h"
#include "hubcache/content/git_route.h"
#include "hubcache/content/lfs_route.h"
#include "hubcache/content/registry_route.h"
#include "hubcache/content/services.h"
#include "hubcache/content/warm_files.h"
#include "hubcache/content/xet_route.h"
#include "hubcache/http/message.h"

namespace hubcache::content {

/// What lies under `/pulp/content/<base_path>/`, and under the origin root for the root
/// distribution: the Hub's reading routes. One per worker, used on that worker.
class Content {
 public:
  Content(Services services, Options options);

  Task<http::Response> handle(const http::Request& request);
  /// What http::Site::at_once is for.
  std::optional<http::Response> at_once(const http::Request& request);
  /// The answer to a request that failed.
  http::Response render(const http::Request& request, const Error& error);

  /// What http::Site::on_unreadable is for.
  void doubt(const http::FileSpan& span);

  /// Has a file stored, as if somebody read it to its end; false when it cannot be.
  Task<bool> keep(hub::EndpointPtr endpoint, hub::Credential credential, hub::FileRef file);

  /// All requests that came here, whatever became of them.
  const RouteCounts& requests() const noexcept { return requests_; }
  const HitCounts& hits() const noexcept { return bytes_.hits(); }

 private:
  /// Where a path leads.
  struct Found {
    std::shared_ptr<const registry::Snapshot> snapshot;
    bool by_prefix = false;                  // it is below /pulp/content
    std::optional<registry::Match> match{};  // the distribution, if there is one
    std::string own_path{};                  // of the distribution: what is below it follows
    std::string_view below{};                // of the request's path, still encoded
  };
  Found find(const http::Request& request) const;
  static bool is_open_to_all(const Found& found);
  void count_refused(const Found& found, int status);
  Task<http::Response> answer(const http::Request& request, Found found);
  Task<http::Response> answer_page(const http::Request& request, Found found);
  Task<http::Response> route(const http::Request& request, Found found);
  Task<http::Response> ask(const http::Request& request, const Found& found, Place place,
                           hub::Route asked);
  Task<http::Response> ask_offline(const http::Request& request, const Found& found, Place place,
                                   hub::Route asked);
  Task<http::Response> answer_cas(const http::Request& request, Found found);
  Task<> require_guard(const http::Request& request, const Found& found) const;
  Place place_of(const http::Request& request, const Found& found, std::string via,
                 const access::Caller& caller) const;

  Services services_;
  Options options_;
  Browsers browsers_;
  FileBytes bytes_;
  WarmFiles warm_;
  FileRoute files_;
  DocumentRoute documents_;
  ApiRoute api_;
  GitRoute git_;
  DigestFiles by_digest_;
  LfsRoute lfs_;
  RegistryRoute registry_;
  XetRoute xet_;
  RouteCounts requests_;
};

}  // namespace hubcache::content
