#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/steady_timer.hpp>

#include "hubcache/base/task.h"
#include "hubcache/http/client.h"

namespace hubcache::http {

using TcpSocket = asio::basic_stream_socket<asio::ip::tcp, Executor>;
using ClientTimer =
    asio::basic_waitable_timer<std::chrono::steady_clock,
                               asio::wait_traits<std::chrono::steady_clock>, Executor>;

/// A TCP or TLS connection to an origin, by its proxy if it has one. Every call ends by `deadline`
/// with kUpstreamTimeout. Lives on one worker.
class Transport {
 public:
  using Deadline = std::chrono::steady_clock::time_point;

  Transport(Executor executor, Origin origin);

  /// Name, address check, TCP, proxy and TLS. Throws kUpstream or kUpstreamTimeout.
  Task<> connect(asio::ssl::context* tls, Deadline deadline);
  Task<std::size_t> read_some(asio::mutable_buffer into, Deadline deadline);
  Task<> write(std::string_view bytes, Deadline deadline);

  /// Has the peer closed it, or sent what nobody asked for?
  bool is_dead();
  const Origin& origin() const noexcept { return origin_; }

 private:
  class Guard;
  Task<> connect_tcp(std::string host, std::uint16_t port, bool check);
  Task<> connect_through_proxy();
  Task<> handshake(asio::ssl::context& tls);

  Executor executor_;
  Origin origin_;
  TcpSocket socket_;
  std::optional<asio::ssl::stream<TcpSocket&>> tls_;
  ClientTimer timer_;
};

/// A TLS context for the origin's settings: system certificates, its own, its client certificate.
std::unique_ptr<asio::ssl::context> make_tls_context(const Origin& origin);

/// "Basic ..." for Proxy-Authorization; empty when the origin's proxy needs none.
std::string proxy_authorization(const Origin& origin);

}  // namespace hubcache::http
