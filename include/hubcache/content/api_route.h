#pragma once

#include <string>

#include "hubcache/content/services.h"
#include "hubcache/http/message.h"
#include "hubcache/hub/grammar.h"

namespace hubcache::content {

/// The rest of the Hub's API, passed through and never kept: lists, searches, organizations, and
/// whatever comes to be. The remote's right is not used for it (SECURITY 3): it is asked for with
/// the caller's own token where the remote has none, else anonymously. Lives on one worker.
class ApiRoute {
 public:
  explicit ApiRoute(Services& services) : services_(services) {}

  Task<http::Response> get(const http::Request& request, Place place, hub::Route asked);
  /// Who the caller is to the Hub. Where the remote has a right of its own, which is not theirs:
  /// which hubcache account they are, or 401.
  Task<http::Response> whoami(const http::Request& request, Place place, hub::Route asked);

 private:
  Task<http::Response> agent_harnesses(const http::Request& request, Place place, hub::Route asked);

  Services& services_;
};

}  // namespace hubcache::content
