#pragma once

#include <array>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "hubcache/http/message.h"

namespace hubcache::content {

/// The fields that shield() adds.
inline constexpr std::array<std::pair<std::string_view, std::string_view>, 2> kShield{
    {{"Content-Security-Policy", "default-src 'none'; sandbox"},
     {"X-Content-Type-Options", "nosniff"}}};

/// Makes a browser run nothing that a repo holds, and guess no type (SECURITY 21). For every answer
/// that is not a page of ours.
void shield(http::Response& response);

/// What pages of other sites may read, and do, by a browser (CORS, Fetch 3.2). Never with cookies,
/// and never from a public page into a private network: nothing is said that would allow it.
class Browsers {
 public:
  /// Origins ("https://app.example") whose pages may read whatever their requests may; pages of
  /// others read what anybody may.
  explicit Browsers(std::vector<std::string> allowed) : allowed_(std::move(allowed)) {}

  /// Does a browser ask, for a page of another site or for a service worker?
  static bool is_from_page(const http::Request& request);
  /// Is it a question what a page may send?
  static bool is_preflight(const http::Request& request);
  /// Throws kForbidden: a service worker of ours would see whatever its browser asks us for.
  static void refuse_service_worker(const http::Request& request);

  /// `to_all`: an anonymous caller is shown this by nobody's right.
  http::Response preflight(const http::Request& request, bool to_all) const;
  /// Says in `response` that the page may read it, if it may.
  void share(const http::Request& request, bool to_all, http::Response& response) const;

 private:
  bool is_allowed(const http::Request& request) const;
  std::vector<std::string> allowed_;
};

}  // namespace hubcache::content
