#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <thread>

#include "hubcache/base/fd.h"

#include "hubsim/wire.h"

namespace hubsim {

/// A port of 127.0.0.1, one thread a connection. The port stays ours while we do not listen.
/// start() and stop() are called by one thread at a time.
class Listener {
 public:
  /// Serves a connection to its end, on its own thread.
  using Serve = std::function<void(Connection&)>;

  Listener(std::uint16_t port, Serve serve);
  ~Listener();
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  std::uint16_t port() const noexcept { return port_; }
  void start();
  void stop();
  bool stopping() const noexcept { return stopping_; }

 private:
  struct Peer {
    explicit Peer(hubcache::Fd socket)
        : connection(std::make_unique<Connection>(std::move(socket))) {}
    std::unique_ptr<Connection> connection;  // null once it is closed
    std::thread thread;
  };
  void accept_all();
  void adopt(hubcache::Fd socket);

  Serve serve_;
  hubcache::Fd reserved_;  // bound, never listening
  std::uint16_t port_ = 0;
  hubcache::Fd listening_;
  std::atomic<bool> stopping_{true};
  std::thread acceptor_;
  std::mutex mutex_;  // the acceptor adds peers, their threads close them, stop() wakes them
  std::list<Peer> peers_;
};

}  // namespace hubsim
