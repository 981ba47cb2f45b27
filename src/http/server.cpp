#include "hubcache/http/server.h"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <list>
#include <utility>

#include <arpa/inet.h>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/posix/basic_stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "session.h"

namespace hubcache::http {
namespace {

using Timer = asio::basic_waitable_timer<std::chrono::steady_clock,
                                         asio::wait_traits<std::chrono::steady_clock>, Executor>;
using Descriptor = asio::posix::basic_stream_descriptor<Executor>;

constexpr std::string_view kTooMany =
    "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nRetry-After: 10\r\n"
    "Connection: close\r\n\r\n";

Peer peer_of(int socket) {
  sockaddr_storage storage{};
  socklen_t size = sizeof storage;
  ::getpeername(socket, reinterpret_cast<sockaddr*>(&storage), &size);
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (storage.ss_family == AF_INET) {
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(storage);
    ::inet_ntop(AF_INET, &v4.sin_addr, text.data(), text.size());
    return {.address = text.data(), .port = ntohs(v4.sin_port)};
  }
  if (storage.ss_family == AF_INET6) {
    const auto& v6 = reinterpret_cast<const sockaddr_in6&>(storage);
    ::inet_ntop(AF_INET6, &v6.sin6_addr, text.data(), text.size());
    return {.address = text.data(), .port = ntohs(v6.sin6_port)};
  }
  return {.address = "unix"};
}

/// How often deadlines are looked at: often enough for the shortest of them.
std::chrono::milliseconds sweep_interval(const Limits& limits) {
  const auto shortest = std::min(
      {limits.header_timeout, limits.idle_timeout, limits.body_timeout, limits.write_timeout});
  return std::clamp(shortest / 4, std::chrono::milliseconds(10), std::chrono::milliseconds(1000));
}

}  // namespace

struct Server::Impl {
  /// The connections of one worker, and the timer that enforces their deadlines.
  struct Shard {
    Executor executor;
    std::shared_ptr<SessionContext> context;
    std::list<Connection*> connections;
    Timer sweeper;
    std::atomic<std::size_t> count{0};
  };

  Impl(Workers& w, std::vector<Site> s, Limits l, const Clock& clock, obs::Log& lg)
      : workers(w), sites(std::move(s)), limits(l), log(lg) {
    for (std::size_t i = 0; i < workers.size(); ++i) {
      auto context = std::make_shared<SessionContext>(
          SessionContext{.site = sites[i], .limits = limits, .clock = clock, .log = log});
      shards.push_back(std::unique_ptr<Shard>(new Shard{.executor = workers.executor(i),
                                                        .context = std::move(context),
                                                        .connections = {},
                                                        .sweeper = Timer(workers.executor(i))}));
    }
  }

  Workers& workers;
  std::vector<Site> sites;
  Limits limits;
  obs::Log& log;
  std::vector<std::unique_ptr<Shard>> shards;
  std::vector<std::shared_ptr<Descriptor>> acceptors;  // on worker 0
  std::vector<net::Listener> listeners;
  std::atomic<bool> stopping{false};
};

namespace {

template <typename Impl>
Task<> sweep(std::shared_ptr<Impl> impl, std::size_t worker) {
  auto& shard = *impl->shards[worker];
  while (true) {
    shard.sweeper.expires_after(sweep_interval(impl->limits));
    const auto [error] = co_await shard.sweeper.async_wait(asio::as_tuple(use_task));
    if (error) co_return;
    const auto now = std::chrono::steady_clock::now();
    for (auto* connection : shard.connections) connection->expire(now);
  }
}

template <typename Impl>
Task<> run_connection(std::shared_ptr<Impl> impl, std::size_t worker, int socket, int family) {
  auto& shard = *impl->shards[worker];
  const Fd owned(socket);
  try {
    ServerSocket stream(shard.executor, asio::generic::stream_protocol(family, 0), ::dup(socket));
    auto connection = std::make_shared<Connection>(std::move(stream), peer_of(socket));
    const auto place = shard.connections.insert(shard.connections.end(), connection.get());
    if (impl->stopping) connection->close_when_idle();
    try {
      co_await serve_connection(connection, shard.context);
    } catch (const std::exception& failure) {
      impl->log.error("connection failed", {{"why", failure.what()}});
    }
    shard.connections.erase(place);
  } catch (const std::exception& failure) {
    impl->log.error("connection refused", {{"why", failure.what()}});
  }
  shard.count.fetch_sub(1);
}

template <typename Impl>
void hand_out(const std::shared_ptr<Impl>& impl, int socket) {
  std::size_t total = 0;
  std::size_t least = 0;
  for (std::size_t i = 0; i < impl->shards.size(); ++i) {
    const auto count = impl->shards[i]->count.load();
    total += count;
    if (count < impl->shards[least]->count.load()) least = i;
  }
  if (total >= impl->limits.max_connections) {
    ::send(socket, kTooMany.data(), kTooMany.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    ::close(socket);
    return;
  }
  sockaddr_storage own{};
  socklen_t size = sizeof own;
  ::getsockname(socket, reinterpret_cast<sockaddr*>(&own), &size);
  if (own.ss_family != AF_UNIX) {
    const int on = 1;
    ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  }
  impl->shards[least]->count.fetch_add(1);
  asio::co_spawn(impl->shards[least]->executor, run_connection(impl, least, socket, own.ss_family),
                 [](const std::exception_ptr&) {});
}

template <typename Impl>
Task<> accept_loop(std::shared_ptr<Impl> impl, std::shared_ptr<Descriptor> acceptor) {
  Timer pause(impl->workers.executor(0));
  while (!impl->stopping) {
    const int socket =
        ::accept4(acceptor->native_handle(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (socket >= 0) {
      hand_out(impl, socket);
      continue;
    }
    if (errno == EINTR || errno == ECONNABORTED) continue;
    if (errno == EAGAIN || errno == EWOULDBLOCK) {
      const auto [error] =
          co_await acceptor->async_wait(Descriptor::wait_read, asio::as_tuple(use_task));
      if (error) co_return;
      continue;
    }
    // Out of descriptors or memory: connections that end will make room.
    impl->log.warn("cannot accept connections", {{"errno", errno}});
    pause.expires_after(std::chrono::milliseconds(100));
    co_await pause.async_wait(asio::as_tuple(use_task));
  }
}

template <typename Impl>
Task<> stop_accepting(std::shared_ptr<Impl> impl) {
  for (auto& acceptor : impl->acceptors) acceptor->close();
  impl->acceptors.clear();
  co_return;
}

template <typename Impl>
Task<> each_connection(std::shared_ptr<Impl> impl, std::size_t worker, bool reset) {
  for (auto* connection : impl->shards[worker]->connections) {
    if (reset) {
      connection->reset();
    } else {
      connection->close_when_idle();
    }
  }
  if (reset) impl->shards[worker]->sweeper.cancel();
  co_return;
}

}  // namespace

Server::Server(Workers& workers, std::vector<Site> sites, Limits limits, const Clock& clock,
               obs::Log& log)
    : impl_(std::make_shared<Impl>(workers, std::move(sites), limits, clock, log)) {
  for (std::size_t i = 0; i < workers.size(); ++i) {
    asio::co_spawn(workers.executor(i), sweep(impl_, i), [](const std::exception_ptr&) {});
  }
}

Server::~Server() = default;

void Server::serve(net::Listener listener) {
  auto start = [impl = impl_, fd = listener.socket.release()] {
    auto acceptor = std::make_shared<Descriptor>(impl->workers.executor(0), fd);
    impl->acceptors.push_back(acceptor);
    asio::co_spawn(impl->workers.executor(0), accept_loop(impl, std::move(acceptor)),
                   [](const std::exception_ptr&) {});
  };
  asio::post(impl_->workers.executor(0), std::move(start));
}

Task<void> Server::shut_down(std::chrono::milliseconds deadline) {
  const auto impl = impl_;
  impl->stopping = true;
  co_await on(impl->workers.executor(0), stop_accepting(impl));
  for (std::size_t i = 0; i < impl->shards.size(); ++i) {
    co_await on(impl->workers.executor(i), each_connection(impl, i, false));
  }
  const auto end = std::chrono::steady_clock::now() + deadline;
  const Executor here = co_await asio::this_coro::executor;
  Timer pause(here);
  while (connections() != 0 && std::chrono::steady_clock::now() < end) {
    pause.expires_after(std::chrono::milliseconds(10));
    co_await pause.async_wait(use_task);
  }
  for (std::size_t i = 0; i < impl->shards.size(); ++i) {
    co_await on(impl->workers.executor(i), each_connection(impl, i, true));
  }
}

std::size_t Server::connections() const {
  std::size_t total = 0;
  for (const auto& shard : impl_->shards) total += shard->count.load();
  return total;
}

}  // namespace hubcache::http
