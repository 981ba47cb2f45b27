#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "hubcache/base/clock.h"
#include "hubcache/base/error.h"
#include "hubcache/base/task.h"
#include "hubcache/base/workers.h"
#include "hubcache/http/message.h"
#include "hubcache/net/listener.h"
#include "hubcache/net/server_tls.h"
#include "hubcache/obs/counts.h"
#include "hubcache/obs/log.h"

namespace hubcache::http {

/// Turns a request into a response. The request lives until that is there. Throws Error; the
/// session renders it with `on_error`.
using Handler = std::function<Task<Response>(const Request&)>;
/// Renders an error that a handler threw, or that the session found itself (a bad request line).
using ErrorRenderer = std::function<Response(const Request&, const Error&)>;

/// How long a body such a request may have when that is more than Limits::max_body_bytes; looked at
/// before the body is read. nullopt: that is the limit.
using BodyLimit = std::function<std::optional<std::size_t>(const Request&)>;

/// As a handler, for answers that need nothing but a look into memory, which is most of them: it is
/// asked before the handler, and spares a request without a body its coroutines. nullopt says
/// nothing. Does not throw.
using AtOnce = std::function<std::optional<Response>(const Request&)>;

/// What one worker answers requests with.
struct Site {
  Handler handle;
  ErrorRenderer on_error;
  AtOnce at_once{};
  BodyLimit longer_body{};
  /// Told of a span of a body whose file cannot be read, or is too short: its connection is reset.
  std::function<void(const FileSpan&)> on_unreadable{};
};

/// What one worker has sent, by where it came from. Readable from any thread.
struct Traffic {
  enum class From : std::uint8_t { kCache, kUpstream, kElsewhere };
  static constexpr std::array<std::string_view, 3> kNames{"cache", "upstream", "none"};
  /// Of a Served::cache.
  static From from(std::string_view cache) noexcept;

  struct Sent {
    obs::Counter bytes;       // of bodies
    obs::Timings first_byte;  // from a request's header to the first byte of the answer's body, or,
                              // if it has none, of its header
  };
  std::array<Sent, 3> sent;  // by From
  obs::Counter cut;          // connections that were reset in the middle of a response
};

struct Limits {
  std::size_t max_header_bytes = 32 * 1024;  // request line and fields: 431 (414 for the target)
  std::size_t max_target_bytes = 16 * 1024;
  std::size_t max_body_bytes = 1024 * 1024;  // 413
  std::chrono::milliseconds header_timeout{
      10'000};  // from the first byte of a request to its headers' end
  std::chrono::milliseconds idle_timeout{60'000};   // between requests
  std::chrono::milliseconds body_timeout{30'000};   // for the whole request body: 408
  std::chrono::milliseconds write_timeout{60'000};  // without progress: the connection is reset
  std::size_t max_connections = 10'000;             // 503 beyond
  /// Of requests that are not answered yet, all together, beyond 8 KiB of each: 503.
  std::size_t max_unanswered_bytes = std::size_t{16} << 20;
};

/// Serves connections on all workers: one listener per address hands each new connection to the
/// worker with the fewest.
class Server {
 public:
  /// `sites[i]` answers on worker i; workers without one have no connections.
  Server(Workers& workers, std::vector<Site> sites, Limits limits, const Clock& clock,
         obs::Log& log);
  /// Resets what is still open, without waiting: what the sites use must live until shut_down()
  /// has returned or the workers have been joined. Destroyed before the workers.
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  /// Starts to accept, in TLS if `tls` is not null. May be called for several listeners.
  void serve(net::Listener listener, std::shared_ptr<net::ServerTls> tls = nullptr);
  /// Stops accepting, tells idle connections to close, and returns when all have ended or the
  /// deadline has passed; then the rest is reset.
  Task<void> shut_down(std::chrono::milliseconds deadline);
  std::size_t connections() const;
  /// By worker; lives as long as this.
  std::vector<const Traffic*> traffic() const;

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace hubcache::http
