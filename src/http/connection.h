#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/generic/stream_protocol.hpp>

#include "hubcache/base/task.h"
#include "hubcache/http/message.h"

namespace hubcache::http {

using ServerSocket = asio::basic_stream_socket<asio::generic::stream_protocol, Executor>;

/// Thrown when the other end went away, or was too slow: nobody is left to answer.
struct Disconnected {
  bool timed_out = false;
};

/// One accepted connection: reads and writes with a deadline that a sweep of its worker enforces.
/// Tries the system call first and waits only when it would block. Lives on one worker.
class Connection {
 public:
  using Deadline = std::chrono::steady_clock::time_point;

  Connection(ServerSocket socket, Peer peer) : socket_(std::move(socket)), peer_(std::move(peer)) {}

  const Peer& peer() const noexcept { return peer_; }
  void set_deadline(Deadline deadline) noexcept { deadline_ = deadline; }
  /// Ends the wait that is under way when its time has passed; called by the sweep.
  void expire(Deadline now);
  /// Ends the wait for a next request, now or when it begins.
  void close_when_idle();
  bool closing() const noexcept { return closing_; }
  void set_idle(bool idle) noexcept { idle_ = idle; }

  /// Appends what has come to `buffer`; false at the end of the stream.
  Task<bool> read_some(std::string& buffer);
  Task<> write(std::string_view first, std::string_view second, bool more);
  /// Copies part of a file out; each step of progress moves the deadline by `patience`.
  Task<> send_file(const FileSpan& span, std::chrono::milliseconds patience);

  /// Tells the peer that no more comes, and waits a moment so that it can read what it was sent.
  Task<> linger();
  /// Ends with RST: the peer must not take what it got for the whole (SECURITY 12).
  void reset();

  std::uint64_t sent() const noexcept { return sent_; }

 private:
  Task<> wait(ServerSocket::wait_type what);

  ServerSocket socket_;
  Peer peer_;
  Deadline deadline_ = Deadline::max();
  bool expired_ = false;
  bool idle_ = false;
  bool closing_ = false;
  std::uint64_t sent_ = 0;
};

}  // namespace hubcache::http
