#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <boost/asio/buffer.hpp>

#include "hubcache/base/error.h"
#include "hubcache/base/memory_room.h"
#include "hubcache/base/task.h"
#include "hubcache/http/headers.h"
#include "hubcache/http/proxies.h"
#include "hubcache/obs/log.h"

namespace hubcache::http {

/// Where a connection goes and everything that shapes it (SECURITY 16). Two requests may share a
/// connection only if their origins are equal in every field.
struct Origin {
  std::string scheme = "https";
  std::string host{};
  std::uint16_t port = 443;
  std::string proxy_url{};       // http(s)://host:port, empty: none
  std::string proxy_username{};  // both empty: none
  std::string proxy_password{};
  bool verify_tls = true;
  std::string ca_cert{};      // PEM, beside the system's
  std::string client_cert{};  // PEM
  std::string client_key{};   // PEM
  /// May this origin resolve to private, loopback and link-local addresses (SECURITY 17)? Only the
  /// remote's own host may, and what its allow-list names. Cloud metadata addresses never.
  bool allow_private = false;

  bool operator==(const Origin&) const = default;
  auto operator<=>(const Origin&) const = default;
};

/// Every wait on the outside has a deadline. Zero means none of its own, for `acquire` and `total`
/// only.
struct Timeouts {
  std::chrono::milliseconds connect{5'000};     // name, TCP, proxy and TLS together
  std::chrono::milliseconds acquire{0};         // waiting for a connection's turn, and connect
  std::chrono::milliseconds first_byte{8'000};  // until the response's headers are read
  std::chrono::milliseconds between_bytes{10'000};
  std::chrono::milliseconds total{0};
};

struct ClientRequest {
  std::string method = "GET";
  std::string target = "/";  // raw path and query
  Headers headers{};         // Host, User-Agent and Connection are added
  std::string body{};
};

/// An answer whose body is still on the wire. Dropping it before the body's end closes the
/// connection; reading to the end gives it back to the pool. Lives on the client's worker.
class ClientResponse {
 public:
  class Connection;
  ClientResponse();
  ClientResponse(ClientResponse&&) noexcept;
  ClientResponse& operator=(ClientResponse&&) noexcept;
  ~ClientResponse();
  ClientResponse(const ClientResponse&) = delete;
  ClientResponse& operator=(const ClientResponse&) = delete;

  int status = 0;
  Headers headers;
  /// From Content-Length; nullopt when the body is chunked or ends with the connection.
  std::optional<std::uint64_t> content_length;

  /// The next bytes, already dechunked; 0 at the end. Throws kUpstream when the body is cut short
  /// or malformed, kUpstreamTimeout after `between_bytes`.
  Task<std::size_t> read(asio::mutable_buffer into);
  /// The whole body, unpacked if it came gzipped; kUpstream when it is more than `limit` bytes,
  /// kUnavailable when `share`, if there is one, has no room for it.
  Task<std::string> read_all(std::size_t limit, MemoryRoom::Share* share = nullptr);

 private:
  friend class Client;
  std::unique_ptr<Connection> connection_;
};

/// HTTP/1.1 client with a keep-alive pool per origin. One per worker; used on that worker only.
/// Redirects are not followed: that is hub's business.
class Client {
 public:
  struct Options {
    std::string user_agent{};
    std::size_t connections_per_origin = 64;
    std::size_t idle_per_origin = 16;
    std::chrono::seconds idle_timeout{30};
    std::size_t max_header_bytes = 64 * 1024;
    Proxies proxies{};  // for origins that have none of their own
  };
  Client(Executor executor, Options options, obs::Log& log);
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  /// Sends and returns when the headers are read. A reused connection that turns out dead before
  /// any byte of an answer is replaced once, for GET and HEAD. Throws kUpstream (refused, reset,
  /// TLS, bad answer, forbidden address) or kUpstreamTimeout; the context says which.
  /// Refuses answers with conflicting lengths or obs-fold, as the server does (SECURITY 18).
  Task<ClientResponse> send(const Origin& origin, ClientRequest request, Timeouts timeouts);
  /// Closes what is idle.
  void close();
  /// Bytes of bodies that were read so far, as they came. For any thread.
  std::uint64_t received() const noexcept;

  struct Impl;

 private:
  std::shared_ptr<Impl> impl_;
};

}  // namespace hubcache::http
