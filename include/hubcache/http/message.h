#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "hubcache/base/fd.h"
#include "hubcache/base/shared_text.h"
#include "hubcache/base/task.h"
#include "hubcache/http/headers.h"

namespace hubcache::http {

/// Who is at the other end of a connection.
struct Peer {
  std::string address{};  // textual IP, or "unix"
  std::uint16_t port = 0;
  bool tls = false;
};

/// A request as it was read: checked for form (SECURITY 18), nothing decoded.
struct Request {
  std::string method = "GET";
  std::string target = "/";  // origin form: raw path, then "?" and the raw query if there was one
  Headers headers{};
  std::string body{};
  Peer peer{};
  std::string id{};  // request id, for the log

  std::string_view path() const;   // without the query
  std::string_view query() const;  // without the "?"; empty when there is none
  bool is_head() const { return method == "HEAD"; }
};

/// Part of a file; written with sendfile.
struct FileSpan {
  std::shared_ptr<const Fd> file{};
  std::uint64_t offset = 0;
  std::uint64_t length = 0;
};

/// What a SpanSource hands out next: part of a file, or bytes that stay valid until the next call.
/// An empty one is the end.
using Span = std::variant<FileSpan, std::span<const std::byte>>;

std::uint64_t length_of(const Span& span);

/// A body that comes bit by bit. Used by one connection, on its worker.
class SpanSource {
 public:
  virtual ~SpanSource() = default;
  /// How many bytes next() will hand out in all; nullopt when nobody knows before the end: then
  /// they go out in chunks, or, to HTTP/1.0, until the connection ends.
  virtual std::optional<std::uint64_t> size() const = 0;
  /// Waits for the next bytes. A throw, or an end before size() bytes, makes the session reset the
  /// connection (RST): a cut body must not look like an end (SECURITY 12).
  virtual Task<Span> next() = 0;
};

using Body =
    std::variant<std::monostate, std::string, SharedText, FileSpan, std::unique_ptr<SpanSource>>;

/// Of a body that is a text in memory; as long as the body is.
std::optional<std::string_view> text_of(const Body& body);

/// How a request was met, for the access log.
struct Served {
  std::string_view cache{};               // "hit", "join", "miss", "stale", "pass", or empty
  std::chrono::microseconds upstream{0};  // time spent waiting for the Hub
};

/// What a handler returns. The session adds Date, Server, X-Request-Id, Connection, and
/// Content-Length by the body's size, if it is known, unless the handler set it (an answer to HEAD
/// must).
struct Response {
  int status = 200;
  Headers headers{};
  /// In place of `headers`: the header_lines() of such a response, made before.
  std::shared_ptr<const std::string> made_before{};
  Body body{};
  Served served{};
};

/// The header of this response to GET, or to HEAD, as Response::made_before wants it.
std::string header_lines(const Response& response, bool to_head);

/// The same without a Response, field by field, for who makes many alike. Its caller adds
/// Content-Length, and none of the session's fields.
class HeaderLines {
 public:
  /// As Headers::add().
  void add(std::string_view name, std::string_view value);
  /// What Response::made_before takes; nothing is left here.
  std::shared_ptr<const std::string> take();

 private:
  std::string text_;
};

/// A response with a short text body.
Response text_response(int status, std::string body,
                       std::string_view content_type = "text/plain; charset=utf-8");
/// "Not Found" for 404, and so on.
std::string_view reason_of(int status);

}  // namespace hubcache::http
