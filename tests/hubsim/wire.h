#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "hubcache/base/fd.h"

#include "hubsim/blob.h"

namespace hubsim {

using Headers = std::vector<std::pair<std::string, std::string>>;

/// The first such header, its name in any case; empty when there is none.
std::string_view find_header(const Headers& headers, std::string_view name);

struct Request {
  std::string method;
  std::string target;  // raw: path and query as sent
  std::string path;    // raw, without the query
  std::string query;   // raw, without the question mark
  Headers headers;
  std::string body;
  bool keep_alive = true;

  std::string_view header(std::string_view name) const { return find_header(headers, name); }
  /// The decoded value of a query parameter; the first one of several.
  std::optional<std::string> parameter(std::string_view name) const;
  bool accepts_gzip() const;
};

/// An answer: a text or a part of a blob.
struct Response {
  int status = 200;
  Headers headers;
  std::string text;
  std::shared_ptr<const Blob> blob;
  std::uint64_t first = 0;  // where the blob's part begins
  std::uint64_t count = 0;
  bool chunked = false;  // `text` is sent as one chunk, without a Content-Length

  std::uint64_t length() const { return blob ? count : text.size(); }
  void set(std::string_view name, std::string value);  // replaces
  void remove(std::string_view name);
};

std::string percent_decode(std::string_view text, bool plus_is_space = false);
/// As JavaScript's encodeURIComponent.
std::string percent_encode(std::string_view text);
std::vector<std::pair<std::string, std::string>> parse_form(std::string_view text);
std::vector<std::string> split(std::string_view text, char separator);
std::string gzip(std::string_view text);
std::string base64_encode(std::string_view bytes);
/// Stops at the first character that is none of base64's, in either alphabet.
std::string base64_decode(std::string_view text);

/// One range of a file of `size` bytes.
struct ByteRange {
  enum class Kind : std::uint8_t { kWhole, kPart, kUnsatisfiable };
  Kind kind = Kind::kWhole;
  std::uint64_t first = 0;
  std::uint64_t count = 0;
};
/// What a Range header asks for; several ranges and nonsense are ignored, as RFC 9110 allows.
ByteRange parse_range(std::string_view header, std::uint64_t size);
/// Makes `response` deliver `blob`, with status 200, 206, 416 or 304 as the request's conditions
/// ask; `etag` with its quotes.
void serve_blob(const Request& request, std::shared_ptr<const Blob> blob, std::string etag,
                Response& response);

/// One accepted connection. Blocking; every failure to send is the end of it: `false`.
class Connection {
 public:
  explicit Connection(hubcache::Fd socket) : socket_(std::move(socket)) {}

  /// Nothing when the peer left or what it sent is no HTTP/1.
  std::optional<Request> read_request();
  bool send(std::string_view bytes);
  bool send_file(int fd, std::uint64_t offset, std::uint64_t count);
  /// True when the peer has closed or reset the connection.
  bool peer_left() const;
  /// Ends with an RST when the socket is closed.
  void reset_on_close();
  int fd() const noexcept { return socket_.get(); }

 private:
  bool fill();
  hubcache::Fd socket_;
  std::string buffer_;
};

}  // namespace hubsim
