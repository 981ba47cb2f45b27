#include "hubcache/content/listing.h"

#include <algorithm>
#include <set>
#include <string_view>

#include "hubcache/base/error.h"
#include "hubcache/base/text.h"
#include "hubcache/http/url.h"

namespace hubcache::content {
namespace {

Task<bool> may_pass(const access::Guards& guards,
                    std::shared_ptr<const registry::Snapshot> snapshot, std::string guard,
                    const http::Request& request) {
  try {
    co_await guards.require(std::move(snapshot), std::move(guard), request);
  } catch (const Error& error) {
    if (error.kind() != Error::Kind::kForbidden) throw;
    co_return false;
  }
  co_return true;
}

/// The names directly below `directory`, which ends in a slash or is empty.
Task<std::set<std::string>> names_below(const access::Guards& guards,
                                        std::shared_ptr<const registry::Snapshot> snapshot,
                                        const http::Request& request,
                                        const std::string& directory) {
  std::set<std::string> names;
  for (const auto& distribution : snapshot->distributions()) {
    const std::string_view path = distribution.base_path;
    if (distribution.hidden || !path.starts_with(directory)) continue;
    auto name = std::string(path.substr(directory.size()));
    name.resize(std::min(name.find('/'), name.size()));
    if (name.empty() || names.contains(name)) continue;
    const auto& guard = distribution.content_guard;
    if (guard && !co_await may_pass(guards, snapshot, *guard, request)) continue;
    names.insert(std::move(name));
  }
  co_return names;
}

http::Response page_of(const std::string& directory, const std::set<std::string>& names) {
  const auto title = "Index of " + in_html("/pulp/content/" + directory);
  std::string page = "<!DOCTYPE html>\n<html>\n<head><title>" + title +
                     "</title></head>\n<body>\n<h1>" + title + "</h1>\n<pre>";
  if (!directory.empty()) page += "<a href=\"../\">../</a>\n";
  for (const auto& name : names) {
    page += "<a href=\"./" + http::percent_encode(name) + "/\">" + in_html(name) + "/</a>\n";
  }
  page += "</pre>\n</body>\n</html>\n";
  auto response = http::text_response(200, std::move(page), "text/html; charset=utf-8");
  response.headers.set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'");
  response.headers.set("X-Content-Type-Options", "nosniff");
  response.headers.set("Cache-Control", "no-store");
  return response;
}

}  // namespace

Task<http::Response> list_directory(const access::Guards& guards,
                                    std::shared_ptr<const registry::Snapshot> snapshot,
                                    const http::Request& request, std::string directory) {
  const auto decoded = http::percent_decode(directory);
  if (!decoded) throw Error(Error::Kind::kNotFound, "Not Found");
  const bool has_slash = decoded->empty() || decoded->ends_with('/');
  const std::string path = has_slash ? *decoded : *decoded + "/";
  const auto names = co_await names_below(guards, std::move(snapshot), request, path);
  if (names.empty() && !path.empty()) throw Error(Error::Kind::kNotFound, "Not Found");
  if (request.method != "GET" && !request.is_head()) {
    throw Error(Error::Kind::kMethodNotAllowed, "only GET and HEAD are allowed here");
  }
  co_return has_slash ? page_of(path, names) : redirect_to_slash(request);
}

http::Response redirect_to_slash(const http::Request& request) {
  auto response = http::text_response(301, "301: Moved Permanently");
  auto location = std::string(request.path()) + "/";
  if (!request.query().empty()) location += "?" + std::string(request.query());
  response.headers.set("Location", location);
  return response;
}

}  // namespace hubcache::content
