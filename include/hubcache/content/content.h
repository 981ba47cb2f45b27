#pragma once

#include "hubcache/content/api_route.h"
#include "hubcache/content/document_route.h"
#include "hubcache/content/file_route.h"
#include "hubcache/content/services.h"
#include "hubcache/http/message.h"

namespace hubcache::content {

/// What lies under `/pulp/content/<base_path>/`, and under the origin root for the root
/// distribution: the Hub's reading routes. One per worker, used on that worker.
class Content {
 public:
  Content(Services services, Options options);

  /// A request whose path starts with /pulp/content/.
  Task<http::Response> handle(const http::Request& request);
  /// Any other path: the root distribution's.
  Task<http::Response> handle_root(const http::Request& request);

 private:
  Task<http::Response> route(const http::Request& request,
                             std::shared_ptr<const registry::Snapshot> snapshot,
                             registry::Match match, std::string below, std::string own_path);

  Services services_;
  Options options_;
  FileRoute files_;
  DocumentRoute documents_;
  ApiRoute api_;
};

}  // namespace hubcache::content
