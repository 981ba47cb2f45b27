#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

#include "hubcache/base/error.h"
#include "hubcache/content/services.h"
#include "hubcache/http/message.h"
#include "hubcache/hub/grammar.h"

namespace hubcache::content {

/// Is it a route that git and git-lfs ask for?
bool is_for_git(hub::Route::Kind kind);
/// The same of a path below a distribution's base_path.
bool is_for_git(std::string_view below);

/// An error as they show it to their user. Where a password would help they are asked for one: they
/// send none before (contract/hub.md 1.11).
http::Response git_error_response(const http::Request& request, const Error& error);

/// Git's smart HTTP for reading, passed through and never kept: which objects a client lacks, and
/// the pack of them, only the Hub can tell. Its right is asked for first all the same. A push goes
/// nowhere. Lives on one worker.
class GitRoute {
 public:
  explicit GitRoute(Services& services) : services_(services) {}

  /// info/refs of the service that the query names: what begins a clone, a fetch or a push.
  Task<http::Response> refs(const http::Request& request, Place place, hub::Route asked);
  Task<http::Response> upload_pack(const http::Request& request, Place place, hub::Route asked);
  [[noreturn]] static void refuse_push();
  /// The Hub may need minutes to make one: no limit of our own cuts that.
  static bool asks_for_pack(const http::Request& request);
  /// What http::Site::longer_body is for: git tells in the body all that it has and wants.
  static std::optional<std::size_t> longest_body(const http::Request& request);

 private:
  Task<http::Response> pass(Place place, hub::PassedRequest passed, std::string_view below,
                            std::string_view content_type);

  Services& services_;
};

}  // namespace hubcache::content
