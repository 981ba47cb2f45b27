#include "hubcache/net/socket.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <string>
#include <utility>

#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "hubcache/base/error.h"

namespace hubcache::net {
namespace {

using std::chrono::steady_clock;

constexpr std::uint64_t kWindow = 2 * 1024 * 1024;  // is looked at, and warmed up, at once
constexpr std::uint64_t kTurn = 4 * 1024 * 1024;    // then others on this worker have their turn
constexpr std::size_t kRecord = 16 * 1024;          // of TLS, at most (RFC 8446 5.1)

bool would_block(int code) { return code == EAGAIN || code == EWOULDBLOCK; }

/// What sendfile() says of its socket; all else is about the file.
bool is_of_connection(int code) {
  constexpr std::array kCodes{EPIPE,        ECONNRESET,  ECONNABORTED, ETIMEDOUT, ENOTCONN,
                              EHOSTUNREACH, ENETUNREACH, ENETDOWN,     ENOBUFS,   ENOMEM};
  return std::ranges::find(kCodes, code) != kCodes.end();
}

bool is_resident(int file, std::uint64_t offset) {
  char byte = 0;
  iovec part{&byte, 1};
  const ssize_t n = ::preadv2(file, &part, 1, static_cast<off_t>(offset), RWF_NOWAIT);
  return n >= 0 || errno != EAGAIN;  // a file system that cannot tell is trusted
}

bool is_warm(int file, std::uint64_t offset, std::uint64_t end) {
  return is_resident(file, offset) && is_resident(file, end - 1);
}

// Runs in the pool. Reading a byte at the end waits until the kernel's read-ahead got there.
void warm_up(int file, std::uint64_t offset, std::uint64_t end) {
  ::readahead(file, static_cast<off64_t>(offset), end - offset);
  char byte = 0;
  for (const std::uint64_t at : {offset, end - 1}) {
    if (::pread(file, &byte, 1, static_cast<off_t>(at)) < 0) return;  // sendfile will say why
  }
}

/// While there is one, only full segments leave: a large file takes a sixth less time on loopback.
class Cork {
 public:
  explicit Cork(int socket) : socket_(socket) { set(1); }
  ~Cork() { set(0); }
  Cork(const Cork&) = delete;
  Cork& operator=(const Cork&) = delete;

 private:
  // Of no consequence where there is none, as on a Unix socket.
  void set(int on) const { ::setsockopt(socket_, IPPROTO_TCP, TCP_CORK, &on, sizeof on); }
  int socket_;
};

asio::generic::stream_protocol protocol_of(int fd) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size);
  return {address.ss_family, 0};
}

}  // namespace

Socket::Socket(Executor executor, Fd fd, Pool& pool) : stream_(executor), pool_(pool) {
  stream_.assign(protocol_of(fd.get()), fd.get());
  fd.release();
}

// Who only connects costs no more than in plain text.
Task<Io> Socket::accept_tls(TlsContext context, SteadyTime deadline) {
  const Io spoken = co_await wait_for(Stream::wait_read, deadline);
  if (spoken != Io::kOk) co_return spoken;
  tls_ = {SSL_new(context.get()), SSL_free};
  if (!tls_ || SSL_set_fd(tls_.get(), stream_.native_handle()) != 1) {
    throw Error(Error::Kind::kInternal, "TLS cannot begin");
  }
  while (true) {
    ERR_clear_error();
    const int done = SSL_accept(tls_.get());
    if (done == 1) co_return Io::kOk;
    const bool plain = ERR_GET_REASON(ERR_peek_error()) == SSL_R_HTTP_REQUEST;
    const Io status = plain ? Io::kPlain : co_await tls_wait(done, deadline);
    if (status == Io::kOk) continue;
    if (status == Io::kPlain) tls_.reset();
    co_return status;
  }
}

Task<Io> Socket::tls_wait(int result, SteadyTime deadline) {
  switch (SSL_get_error(tls_.get(), result)) {
    case SSL_ERROR_WANT_READ:
      co_return co_await wait_for(Stream::wait_read, deadline);
    case SSL_ERROR_WANT_WRITE:
      co_return co_await wait_for(Stream::wait_write, deadline);
    default:
      co_return Io::kClosed;
  }
}

Task<Socket::Read> Socket::read_tls(asio::mutable_buffer into, SteadyTime deadline) {
  while (true) {
    ERR_clear_error();
    std::size_t size = 0;
    const int done = SSL_read_ex(tls_.get(), into.data(), into.size(), &size);
    if (done == 1) co_return Read{Io::kOk, size};
    const Io status = co_await tls_wait(done, deadline);
    if (status != Io::kOk) co_return Read{status, 0};
  }
}

Task<Io> Socket::write_tls(std::string_view bytes, std::chrono::milliseconds limit) {
  while (!bytes.empty()) {
    ERR_clear_error();
    std::size_t size = 0;
    const int done = SSL_write_ex(tls_.get(), bytes.data(), std::min(bytes.size(), kRecord), &size);
    if (done != 1) {
      const Io status = co_await tls_wait(done, steady_clock::now() + limit);
      if (status != Io::kOk) co_return status;
      continue;
    }
    written_ += size;
    bytes.remove_prefix(size);
  }
  co_return Io::kOk;
}

Task<Socket::Read> Socket::read_some(asio::mutable_buffer into, SteadyTime deadline) {
  if (tls_) co_return co_await read_tls(into, deadline);
  boost::system::error_code failure;
  await_until(deadline);
  const auto n = co_await stream_.async_read_some(into, asio::redirect_error(use_task, failure));
  const Io status = outcome(failure);
  co_return Read{status, n};
}

Task<Io> Socket::write(std::string_view head, std::string_view body,
                       std::chrono::milliseconds limit, bool more) {
  if (tls_) {
    std::string own(head);
    if (own.size() + body.size() <= kRecord) own += std::exchange(body, {});
    const Io status = co_await write_tls(own, limit);
    co_return status == Io::kOk ? co_await write_tls(body, limit) : status;
  }
  std::string rest;  // of `head`, whose memory is ours only until we wait
  while (!head.empty() || !body.empty()) {
    const ssize_t n = send_now(head, body, more);
    if (n < 0) {
      if (errno == EINTR) continue;
      if (!would_block(errno)) co_return Io::kClosed;
      if (rest.empty() && !head.empty()) head = rest = std::string(head);
      const Io status = co_await wait_for(Stream::wait_write, steady_clock::now() + limit);
      if (status != Io::kOk) co_return status;
      continue;
    }
    const auto size = static_cast<std::size_t>(n);
    written_ += size;
    const auto of_head = std::min(size, head.size());
    head.remove_prefix(of_head);
    body.remove_prefix(size - of_head);
  }
  co_return Io::kOk;
}

std::size_t Socket::write_at_once(std::string_view head, std::string_view body) {
  if (tls_) return write_record(head, body);
  const ssize_t n = send_now(head, body, false);
  if (n <= 0) return 0;
  written_ += static_cast<std::size_t>(n);
  return static_cast<std::size_t>(n);
}

// What the socket takes none of is begun all the same: write() goes on with these very bytes.
std::size_t Socket::write_record(std::string_view head, std::string_view body) {
  if (head.size() + body.size() > kRecord) return 0;
  std::string record(head);
  record += body;
  ERR_clear_error();
  std::size_t size = 0;
  if (SSL_write_ex(tls_.get(), record.data(), record.size(), &size) != 1) return 0;
  written_ += size;
  return size;
}

Task<Io> Socket::send_file(int file, std::uint64_t offset, std::uint64_t length,
                           std::chrono::milliseconds limit) {
  if (tls_) co_return co_await send_file_tls(file, offset, length, limit);
  const Cork cork(stream_.native_handle());
  const std::uint64_t end = offset + length;
  std::uint64_t warmed = offset;  // up to here the pages are in memory
  std::uint64_t turn = 0;
  while (offset < end) {
    if (offset >= warmed) {
      warmed = std::min(end, offset + kWindow);
      if (!is_warm(file, offset, warmed)) co_await warm(file, offset, warmed);
    }
    auto at = static_cast<off_t>(offset);
    const ssize_t n = ::sendfile(stream_.native_handle(), file, &at, warmed - offset);
    if (n == 0) co_return Io::kShortFile;
    if (n < 0) {
      if (errno == EINTR) continue;
      if (is_of_connection(errno)) co_return Io::kClosed;
      if (!would_block(errno)) co_return Io::kShortFile;
      const Io status = co_await wait_for(Stream::wait_write, steady_clock::now() + limit);
      if (status != Io::kOk) co_return status;
      turn = 0;
      continue;
    }
    offset += static_cast<std::uint64_t>(n);
    written_ += static_cast<std::uint64_t>(n);
    turn += static_cast<std::uint64_t>(n);
    if (turn >= kTurn) {
      turn = 0;
      co_await asio::post(stream_.get_executor(), use_task);
    }
  }
  co_return Io::kOk;
}

Task<Io> Socket::send_file_tls(int file, std::uint64_t offset, std::uint64_t length,
                               std::chrono::milliseconds limit) {
  const std::uint64_t end = offset + length;
  std::uint64_t warmed = offset;
  std::uint64_t turn = 0;
  std::string record;
  while (offset < end) {
    if (offset >= warmed) {
      warmed = std::min(end, offset + kWindow);
      if (!is_warm(file, offset, warmed)) co_await warm(file, offset, warmed);
    }
    record.resize(std::min<std::uint64_t>(kRecord, warmed - offset));
    const ssize_t n = ::pread(file, record.data(), record.size(), static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) co_return Io::kShortFile;
    record.resize(static_cast<std::size_t>(n));
    const Io status = co_await write_tls(record, limit);
    if (status != Io::kOk) co_return status;
    offset += record.size();
    turn += record.size();
    if (turn >= kTurn) {
      turn = 0;
      co_await asio::post(stream_.get_executor(), use_task);
    }
  }
  co_return Io::kOk;
}

Task<void> Socket::warm(int file, std::uint64_t offset, std::uint64_t end) {
  auto work = [file, offset, end] { warm_up(file, offset, end); };
  co_await offload(pool_, std::move(work));
}

Task<Io> Socket::wait_for(Stream::wait_type event, SteadyTime deadline) {
  boost::system::error_code failure;
  await_until(deadline);
  co_await stream_.async_wait(event, asio::redirect_error(use_task, failure));
  co_return outcome(failure);
}

void Socket::await_until(SteadyTime deadline) {
  deadline_ = deadline;
  timed_out_ = false;
}

Io Socket::outcome(const boost::system::error_code& failure) {
  deadline_ = SteadyTime::max();
  if (!failure) return Io::kOk;
  if (timed_out_) return Io::kTimeout;
  if (stopped_ || failure == asio::error::operation_aborted) return Io::kStopped;
  return Io::kClosed;
}

ssize_t Socket::send_now(std::string_view head, std::string_view body, bool more) {
  std::array<iovec, 2> parts{{{const_cast<char*>(head.data()), head.size()},
                              {const_cast<char*>(body.data()), body.size()}}};
  msghdr message{};
  message.msg_iov = head.empty() ? &parts[1] : parts.data();
  message.msg_iovlen = head.empty() || body.empty() ? 1 : 2;
  return ::sendmsg(stream_.native_handle(), &message,
                   MSG_NOSIGNAL | MSG_DONTWAIT | (more ? MSG_MORE : 0));
}

void Socket::check(SteadyTime now) {
  if (now < deadline_) return;
  deadline_ = SteadyTime::max();
  timed_out_ = true;
  boost::system::error_code ignored;
  stream_.cancel(ignored);
}

void Socket::stop() {
  stopped_ = true;
  boost::system::error_code ignored;
  stream_.cancel(ignored);
}

bool Socket::peer_gone() {
  // Not by reading: bytes that nobody has read yet would hide the end behind them.
  pollfd state{.fd = stream_.native_handle(), .events = POLLIN | POLLRDHUP, .revents = 0};
  if (::poll(&state, 1, 0) <= 0 && (!tls_ || SSL_has_pending(tls_.get()) == 0)) return false;
  if ((state.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0) return true;
  if (!tls_) return false;
  // It may be the notice that the client has closed.
  char byte = 0;
  ERR_clear_error();
  const int seen = SSL_peek(tls_.get(), &byte, 1);
  return seen <= 0 && SSL_get_error(tls_.get(), seen) != SSL_ERROR_WANT_READ;
}

void Socket::shut_down_write() {
  say_goodbye();
  boost::system::error_code ignored;
  stream_.shutdown(Stream::shutdown_send, ignored);
}

// Without it the client cannot tell an end from a cut (RFC 8446 6.1); so reset() says nothing.
void Socket::say_goodbye() {
  if (!tls_ || SSL_is_init_finished(tls_.get()) == 0) return;
  ERR_clear_error();
  SSL_shutdown(tls_.get());
}

void Socket::close() {
  if (stream_.is_open()) say_goodbye();
  close_now();
}

void Socket::close_now() {
  boost::system::error_code ignored;
  stream_.close(ignored);
}

void Socket::reset() {
  if (!stream_.is_open()) return;
  const linger now{.l_onoff = 1, .l_linger = 0};
  ::setsockopt(stream_.native_handle(), SOL_SOCKET, SO_LINGER, &now, sizeof now);
  close_now();
}

std::size_t read_resident(int file, char* into, std::size_t size, std::uint64_t offset) {
  iovec part{into, size};
  ssize_t n = ::preadv2(file, &part, 1, static_cast<off_t>(offset), RWF_NOWAIT);
  if (n < 0 && errno == EOPNOTSUPP) n = ::pread(file, into, size, static_cast<off_t>(offset));
  return n > 0 ? static_cast<std::size_t>(n) : 0;
}

}  // namespace hubcache::net
