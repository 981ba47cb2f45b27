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

template <typename Fields>
void describe(Fields& fields, std::string_view content_type, std::string_view path) {
  fields.add("Content-Type", content_type);
  fields.add("Content-Disposition", content_disposition_of(path));
  for (const auto& [name, value] : kShield) fields.add(name, value);
}

template <typename Fields>
void describe(Fields& fields, const catalog::Entry& entry, std::string_view commit,
              std::string_view path) {
  describe(fields, content_type_of(entry, path), path);
  const std::string etag = '"' + entry.etag + '"';
  fields.add("X-Repo-Commit", commit);
  fields.add("ETag", etag);
  fields.add("X-Linked-ETag", etag);
  if (entry.lfs) fields.add("X-Linked-Size", std::to_string(entry.size));
}

}  // namespace

http::Response file_response(std::string_view content_type, std::string_view path) {
  http::Response response;
  describe(response.headers, content_type, path);
  return response;
}

http::Response file_response(const catalog::Entry& entry, std::string_view commit,
                             std::string_view path) {
  http::Response response;
  describe(response.headers, entry, commit, path);
  return response;
}

http::Response whole_file_response(const catalog::Entry& entry, std::string_view commit,
                                   std::string_view path) {
  http::HeaderLines lines;
  describe(lines, entry, commit, path);
  lines.add("Accept-Ranges", "bytes");
  lines.add("Content-Length", std::to_string(entry.size));
  return {.made_before = lines.take()};
}

}  // namespace hubcache::content
