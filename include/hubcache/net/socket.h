#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/generic/stream_protocol.hpp>

#include "hubcache/base/clock.h"
#include "hubcache/base/fd.h"
#include "hubcache/base/task.h"
#include "hubcache/base/workers.h"
#include "hubcache/net/server_tls.h"

namespace hubcache::net {

/// How an operation on a socket ended.
enum class Io {
  kOk,
  kClosed,     // by the peer, orderly or not
  kTimeout,    // its deadline passed
  kStopped,    // stop() was called
  kShortFile,  // send_file() met the end of the file, or could not read it
  kPlain,      // accept_tls() met a client that does not speak TLS
};

/// One accepted connection, TCP or unix, and TLS over it after accept_tls(). One coroutine uses it,
/// on its worker.
///
/// Deadlines cost nothing until they pass: they are noted here and looked at by whoever calls
/// check() every now and then, so there is no timer for each connection.
class Socket {
 public:
  /// `pool` reads what sendfile() would have to wait for; it outlives the socket.
  Socket(Executor executor, Fd fd, Pool& pool);
  /// Does not wait for what was not yet sent.
  ~Socket() = default;
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;

  /// Greets in TLS, as a server; all that follows is in TLS. After kPlain the client may be told in
  /// plain text.
  Task<Io> accept_tls(TlsContext context, SteadyTime deadline);

  struct Read {
    Io status;
    std::size_t size;
  };
  /// At least one byte, or why not.
  Task<Read> read_some(asio::mutable_buffer into, SteadyTime deadline);

  /// Writes `head`, then `body`, in one call if the peer takes it. `head` may be reused by others
  /// while this waits, `body` must stay. `limit` is the longest time without progress.
  /// `more`: something follows at once, hold back a packet that is not full.
  Task<Io> write(std::string_view head, std::string_view body, std::chrono::milliseconds limit,
                 bool more = false);
  /// As many bytes of `head` and then `body` as the peer takes now, without a coroutine; 0, too,
  /// for all that write() has to look at, and for more than a record of TLS. What is left has to be
  /// written next.
  std::size_t write_at_once(std::string_view head, std::string_view body);
  /// Sends part of a file, without copying it unless in TLS. What is not in memory is read in the
  /// pool first, as far as the first and the last page of each 2 MiB tell.
  Task<Io> send_file(int file, std::uint64_t offset, std::uint64_t length,
                     std::chrono::milliseconds limit);

  /// Without what TLS adds.
  std::uint64_t bytes_written() const noexcept { return written_; }

  /// Ends the operation in progress when its deadline has passed.
  void check(SteadyTime now);
  /// Ends the operation in progress, if there is one.
  void stop();
  /// Has the peer closed or reset? Looks without waiting, and without taking bytes. One that closed
  /// its half alone looks like one that is gone.
  bool peer_gone();

  /// Says that nothing will follow.
  void shut_down_write();
  void close();
  /// Closes with RST, so that the peer does not take what it has for the whole.
  void reset();

 private:
  using Stream = asio::basic_stream_socket<asio::generic::stream_protocol, Executor>;
  using Tls = std::unique_ptr<SSL, void (*)(SSL*)>;
  Task<Io> wait_for(Stream::wait_type event, SteadyTime deadline);
  Task<void> warm(int file, std::uint64_t offset, std::uint64_t end);
  /// How to go on after an OpenSSL call that returned `result`: kOk, call it again.
  Task<Io> tls_wait(int result, SteadyTime deadline);
  Task<Read> read_tls(asio::mutable_buffer into, SteadyTime deadline);
  Task<Io> write_tls(std::string_view bytes, std::chrono::milliseconds limit);
  Task<Io> send_file_tls(int file, std::uint64_t offset, std::uint64_t length,
                         std::chrono::milliseconds limit);
  Io outcome(const boost::system::error_code& failure);
  void await_until(SteadyTime deadline);
  void say_goodbye();
  void close_now();
  std::size_t write_record(std::string_view head, std::string_view body);
  ssize_t send_now(std::string_view head, std::string_view body, bool more);

  Stream stream_;
  Pool& pool_;
  Tls tls_{nullptr, nullptr};
  SteadyTime deadline_ = SteadyTime::max();  // of the operation in progress
  bool timed_out_ = false;
  bool stopped_ = false;
  std::uint64_t written_ = 0;
};

/// Reads from `offset` what is in memory already, up to `size` bytes; 0 when reading would have to
/// wait for the disk, or at the end of the file.
std::size_t read_resident(int file, char* into, std::size_t size, std::uint64_t offset);

}  // namespace hubcache::net
