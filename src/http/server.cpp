#include "hubcache/http/server.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include <arpa/inet.h>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <netinet/in.h>
#include <sys/socket.h>

#include "session.h"

namespace hubcache::http {
namespace {

using ListenSocket = asio::basic_stream_socket<asio::generic::stream_protocol, Executor>;
using WorkerList = std::vector<std::shared_ptr<ServerWorker>>;

constexpr std::size_t kDiskThreads = 4;
constexpr int kAcceptsInARow = 64;
constexpr std::chrono::milliseconds kNoDescriptorPause{50};
constexpr std::chrono::milliseconds kFailurePause{1000};
constexpr std::chrono::milliseconds kShutDownPoll{5};
constexpr std::chrono::milliseconds kResetGrace{1000};

/// How often deadlines are looked at: seldom enough to cost nothing, and a fraction of the
/// shortest.
std::chrono::milliseconds tick_of(const Limits& limits) {
  const auto shortest = std::min(
      {limits.header_timeout, limits.idle_timeout, limits.body_timeout, limits.write_timeout});
  return std::clamp(shortest / 8, std::chrono::milliseconds{5}, std::chrono::milliseconds{500});
}

Peer peer_of(const sockaddr_storage& address) {
  Peer peer{.address = "unix"};
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (address.ss_family == AF_INET) {
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(address);
    peer.address = inet_ntop(AF_INET, &v4.sin_addr, text.data(), text.size());
    peer.port = ntohs(v4.sin_port);
  } else if (address.ss_family == AF_INET6) {
    const auto& v6 = reinterpret_cast<const sockaddr_in6&>(address);
    const bool mapped = IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr);
    const auto* bytes = reinterpret_cast<const char*>(&v6.sin6_addr);
    peer.address = mapped ? inet_ntop(AF_INET, bytes + 12, text.data(), text.size())
                          : inet_ntop(AF_INET6, bytes, text.data(), text.size());
    peer.port = ntohs(v6.sin6_port);
  }
  return peer;
}

Task<> pause(std::chrono::milliseconds time) {
  const Executor executor = co_await asio::this_coro::executor;
  Timer timer(executor, time);
  boost::system::error_code ignored;
  co_await timer.async_wait(asio::redirect_error(use_task, ignored));
}

std::size_t connections_of(const WorkerList& workers) {
  std::size_t sum = 0;
  for (const auto& worker : workers) sum += worker->connections.load(std::memory_order_relaxed);
  return sum;
}

void reset_all(ServerWorker& worker) {
  std::vector<std::shared_ptr<Session>> sessions;
  for (Session* session : worker.sessions) sessions.push_back(session->shared_from_this());
  for (const auto& session : sessions) session->reset();
}

/// Looks at the deadlines of a worker's sessions until it drains and has none left.
Task<> watch(std::shared_ptr<ServerWorker> worker) {
  const auto tick = tick_of(worker->limits);
  std::vector<std::shared_ptr<Session>> sessions;
  while (!worker->draining || worker->connections.load() > 0) {
    co_await pause(tick);
    const auto now = std::chrono::steady_clock::now();
    // A session may end while it is checked: hold them, and leave the list alone.
    for (Session* session : worker->sessions) sessions.push_back(session->shared_from_this());
    for (const auto& session : sessions) session->check(now);
    sessions.clear();
    worker->access_log.flush();
  }
}

/// One listening socket, on worker 0.
struct Acceptor {
  Acceptor(Executor executor, net::Listener listener, std::shared_ptr<net::ServerTls> secured,
           WorkerList to)
      : socket(executor),
        address(std::move(listener.address)),
        tls(std::move(secured)),
        workers(std::move(to)) {
    sockaddr_storage bound{};
    socklen_t size = sizeof bound;
    ::getsockname(listener.socket.get(), reinterpret_cast<sockaddr*>(&bound), &size);
    socket.assign(asio::generic::stream_protocol(bound.ss_family, 0), listener.socket.release());
  }

  void stop() {
    stopped = true;
    boost::system::error_code ignored;
    socket.close(ignored);
  }

  void hand_over(Fd connection, Peer peer);
  int accept_some();
  static Task<> run(std::shared_ptr<Acceptor> self);

  ListenSocket socket;
  const std::string address;
  const std::shared_ptr<net::ServerTls> tls;
  const WorkerList workers;
  bool stopped = false;
  bool short_of_descriptors = false;
};

void Acceptor::hand_over(Fd connection, Peer peer) {
  const bool refused = connections_of(workers) >= workers[0]->limits.max_connections;
  const auto least = std::ranges::min_element(workers, [](auto& a, auto& b) {
    return a->connections.load(std::memory_order_relaxed) <
           b->connections.load(std::memory_order_relaxed);
  });
  const auto& worker = *least;
  worker->connections.fetch_add(1, std::memory_order_relaxed);
  peer.tls = tls != nullptr;
  auto begin = [worker, refused, fd = std::move(connection), from = std::move(peer),
                context = tls ? tls->current() : nullptr]() mutable {
    auto session =
        std::make_shared<Session>(worker, std::move(fd), std::move(from), std::move(context));
    Session::start(std::move(session), refused);
  };
  asio::post(worker->executor, std::move(begin));
}

// The errno that ended a row of accepts; 0 when there may be more.
int Acceptor::accept_some() {
  for (int i = 0; i < kAcceptsInARow; ++i) {
    sockaddr_storage from{};
    socklen_t size = sizeof from;
    Fd connection(::accept4(socket.native_handle(), reinterpret_cast<sockaddr*>(&from), &size,
                            SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (connection) {
      short_of_descriptors = false;
      hand_over(std::move(connection), peer_of(from));
    } else if (errno != EINTR && errno != ECONNABORTED && errno != EPROTO) {
      return errno;
    }
  }
  return 0;
}

Task<> Acceptor::run(std::shared_ptr<Acceptor> self) {
  obs::Log& log = self->workers[0]->log;
  while (!self->stopped) {
    boost::system::error_code failure;
    co_await self->socket.async_wait(ListenSocket::wait_read,
                                     asio::redirect_error(use_task, failure));
    if (self->stopped) break;
    const int code = failure ? failure.value() : self->accept_some();
    if (code == 0 || code == EAGAIN) continue;
    if (code == EMFILE || code == ENFILE || code == ENOBUFS || code == ENOMEM) {
      // The connection stays in the backlog until a descriptor is free.
      if (!std::exchange(self->short_of_descriptors, true)) {
        log.error("accept_failed", {{"address", self->address}, {"context", std::strerror(code)}});
      }
      co_await pause(kNoDescriptorPause);
    } else {
      log.error("accept_failed", {{"address", self->address}, {"context", std::strerror(code)}});
      co_await pause(kFailurePause);
    }
  }
}

}  // namespace

struct Server::Impl {
  WorkerList workers;
  std::vector<std::weak_ptr<Acceptor>> acceptors;  // worker 0's, once serve() was called

  void stop_accepting(std::shared_ptr<Impl> self) {
    auto stop = [self = std::move(self)] {
      for (const auto& weak : self->acceptors) {
        if (const auto acceptor = weak.lock()) acceptor->stop();
      }
      self->acceptors.clear();
    };
    asio::dispatch(workers[0]->executor, std::move(stop));
  }
};

Server::Server(Workers& workers, std::vector<Site> sites, Limits limits, const Clock& clock,
               obs::Log& log)
    : impl_(std::make_shared<Impl>()) {
  const auto pool = std::make_shared<Pool>("http-disk", kDiskThreads);
  const auto room = std::make_shared<MemoryRoom>(limits.max_unanswered_bytes, kFreeForEach);
  for (std::size_t i = 0; i < sites.size(); ++i) {
    auto worker = std::make_shared<ServerWorker>(workers.executor(i), std::move(sites[i]), limits,
                                                 clock, log, pool, room);
    asio::co_spawn(worker->executor, watch(worker), asio::detached);
    impl_->workers.push_back(std::move(worker));
  }
}

Server::~Server() {
  impl_->stop_accepting(impl_);
  for (const auto& worker : impl_->workers) {
    auto end = [worker] {
      worker->draining = true;
      reset_all(*worker);
    };
    asio::post(worker->executor, std::move(end));
  }
}

void Server::serve(net::Listener listener, std::shared_ptr<net::ServerTls> tls) {
  const Executor executor = impl_->workers[0]->executor;
  auto acceptor =
      std::make_shared<Acceptor>(executor, std::move(listener), std::move(tls), impl_->workers);
  auto begin = [impl = impl_, acceptor, executor] {
    impl->acceptors.push_back(acceptor);
    asio::co_spawn(executor, Acceptor::run(acceptor), asio::detached);
  };
  asio::dispatch(executor, std::move(begin));
}

Task<void> Server::shut_down(std::chrono::milliseconds deadline) {
  const auto impl = impl_;
  impl->stop_accepting(impl);
  for (const auto& worker : impl->workers) {
    auto drain = [worker] {
      worker->draining = true;
      for (Session* session : worker->sessions) session->end_if_idle();
    };
    asio::post(worker->executor, std::move(drain));
  }
  const auto end = std::chrono::steady_clock::now() + deadline;
  while (connections_of(impl->workers) > 0 && std::chrono::steady_clock::now() < end) {
    co_await pause(kShutDownPoll);
  }
  for (const auto& worker : impl->workers) {
    auto reset = [worker] { reset_all(*worker); };
    asio::post(worker->executor, std::move(reset));
  }
  while (connections_of(impl->workers) > 0 &&
         std::chrono::steady_clock::now() < end + kResetGrace) {
    co_await pause(kShutDownPoll);
  }
}

std::size_t Server::connections() const { return connections_of(impl_->workers); }

std::vector<const Traffic*> Server::traffic() const {
  std::vector<const Traffic*> all;
  for (const auto& worker : impl_->workers) all.push_back(&worker->traffic);
  return all;
}

Traffic::From Traffic::from(std::string_view cache) noexcept {
  if (cache == "hit" || cache == "join" || cache == "stale") return From::kCache;
  return cache.empty() ? From::kElsewhere : From::kUpstream;
}

}  // namespace hubcache::http
