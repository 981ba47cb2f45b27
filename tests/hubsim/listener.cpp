#include "hubsim/listener.h"

#include <cerrno>
#include <csignal>
#include <system_error>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

namespace hubsim {
namespace {

void require(bool done, const char* doing) {
  if (!done) throw std::system_error(errno, std::generic_category(), doing);
}

hubcache::Fd bound_socket(std::uint16_t port) {
  hubcache::Fd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  require(static_cast<bool>(socket), "socket");
  const int yes = 1;
  ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  require(::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0,
          "bind");
  return socket;
}

std::uint16_t port_of(int fd) {
  sockaddr_in address{};
  socklen_t size = sizeof address;
  require(::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) == 0, "getsockname");
  return ntohs(address.sin_port);
}

// sendfile() raises it when the peer has gone.
void block_sigpipe() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGPIPE);
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
}

}  // namespace

Listener::Listener(std::uint16_t port, Serve serve)
    : serve_(std::move(serve)), reserved_(bound_socket(port)), port_(port_of(reserved_.get())) {}

Listener::~Listener() { stop(); }

void Listener::start() {
  if (!stopping_) return;
  listening_ = bound_socket(port_);
  require(::listen(listening_.get(), SOMAXCONN) == 0, "listen");
  stopping_ = false;
  acceptor_ = std::thread([this] { accept_all(); });
}

void Listener::stop() {
  if (stopping_.exchange(true)) return;
  ::shutdown(listening_.get(), SHUT_RDWR);
  acceptor_.join();
  listening_.reset();
  std::list<Peer> peers;
  {
    const std::lock_guard lock(mutex_);
    for (auto& peer : peers_) {
      if (peer.connection) ::shutdown(peer.connection->fd(), SHUT_RDWR);
    }
    peers.splice(peers.begin(), peers_);
  }
  for (auto& peer : peers) peer.thread.join();
}

void Listener::accept_all() {
  block_sigpipe();
  while (!stopping_) {
    hubcache::Fd socket(::accept4(listening_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (!socket) {
      if (errno == EINTR || errno == ECONNABORTED) continue;
      if (errno != EMFILE && errno != ENFILE) return;
      std::this_thread::sleep_for(std::chrono::milliseconds{10});
      continue;
    }
    adopt(std::move(socket));
  }
}

void Listener::adopt(hubcache::Fd socket) {
  const int yes = 1;
  ::setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
  std::list<Peer> ended;
  const std::lock_guard lock(mutex_);
  for (auto at = peers_.begin(); at != peers_.end();) {
    const auto next = std::next(at);
    if (!at->connection) ended.splice(ended.begin(), peers_, at);
    at = next;
  }
  for (auto& peer : ended) peer.thread.join();
  auto& peer = peers_.emplace_back(std::move(socket));
  peer.thread = std::thread([this, &peer] {
    serve_(*peer.connection);
    const std::lock_guard closing(mutex_);
    peer.connection.reset();
  });
}

}  // namespace hubsim
