#include "file_response.h"

#include <string>

#include "hubcache/content/browsers.h"
#include "hubcache/http/url.h"

namespace hubcache::content {
namespace {

/// What the Hub says of its files: text for git's, bytes for LFS; but JSON, which programs read and
/// not people, is bytes as at Pulp, whose scripts compare. So a browser runs nothing that a
/// repository holds (SECURITY 21), and it is the same whoever told of the file.
std::string_view content_type_of(const catalog::Entry& entry, std::string_view path) {
  const bool is_text = !entry.lfs && !path.ends_with(".json");
  return is_text ? "text/plain; charset=utf-8" : "application/octet-stream";
}

std::string content_disposition_of(std::string_view path) {
  const auto name = path.substr(path.rfind('/') + 1);
  std::string value;
  value.reserve(64 + 4 * name.size());
  ((value += "inline; filename*=UTF-8''") += http::percent_encode(name)) += "; filename=\"";
  for (const char c : name) value += c == '"' || c == '\\' || c < ' ' ? '_' : c;
  value += "\";";
  return value;
}

}  // namespace

http::Response file_response(std::string_view content_type, std::string_view path) {
  http::Response response;
  response.headers.add("Content-Type", content_type);
  response.headers.add("Content-Disposition", content_disposition_of(path));
  shield(response);
  return response;
}

http::Response file_response(const catalog::Entry& entry, std::string_view commit,
                             std::string_view path) {
  auto response = file_response(content_type_of(entry, path), path);
  const std::string etag = '"' + entry.etag + '"';
  response.headers.add("X-Repo-Commit", commit);
  response.headers.add("ETag", etag);
  response.headers.add("X-Linked-ETag", etag);
  if (entry.lfs) response.headers.add("X-Linked-Size", std::to_string(entry.size));
  return response;
}

}  // namespace hubcache::content
