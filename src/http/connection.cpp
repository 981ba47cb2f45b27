#include "connection.h"

#include <algorithm>
#include <array>
#include <cerrno>

#include <boost/asio/as_tuple.hpp>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "hubcache/base/error.h"

namespace hubcache::http {
namespace {

constexpr std::size_t kReadSize = 16UL * 1024;
constexpr std::size_t kSendFileStep = 1UL << 20U;
constexpr std::chrono::seconds kLingerTime{2};

bool would_block(int code) { return code == EAGAIN || code == EWOULDBLOCK; }

}  // namespace

void Connection::expire(Deadline now) {
  if (now < deadline_) return;
  expired_ = true;
  boost::system::error_code ignored;
  socket_.cancel(ignored);
}

void Connection::close_when_idle() {
  closing_ = true;
  if (!idle_) return;
  expired_ = true;
  boost::system::error_code ignored;
  socket_.cancel(ignored);
}

Task<> Connection::wait(ServerSocket::wait_type what) {
  if (expired_) throw Disconnected{.timed_out = true};
  const auto [error] = co_await socket_.async_wait(what, asio::as_tuple(use_task));
  if (expired_) {
    expired_ = false;
    throw Disconnected{.timed_out = true};
  }
  if (error) throw Disconnected{};
}

Task<bool> Connection::read_some(std::string& buffer) {
  const std::size_t before = buffer.size();
  buffer.resize(before + kReadSize);
  while (true) {
    const ssize_t count =
        ::recv(socket_.native_handle(), buffer.data() + before, kReadSize, MSG_DONTWAIT);
    if (count >= 0) {
      buffer.resize(before + static_cast<std::size_t>(count));
      co_return count != 0;
    }
    if (errno == EINTR) continue;
    if (!would_block(errno)) {
      buffer.resize(before);
      throw Disconnected{};
    }
    buffer.resize(before);
    co_await wait(ServerSocket::wait_read);
    buffer.resize(before + kReadSize);
  }
}

Task<> Connection::write(std::string_view first, std::string_view second, bool more) {
  while (!first.empty() || !second.empty()) {
    std::array<iovec, 2> parts{
        iovec{.iov_base = const_cast<char*>(first.data()), .iov_len = first.size()},
        iovec{.iov_base = const_cast<char*>(second.data()), .iov_len = second.size()}};
    msghdr message{};
    message.msg_iov = parts.data();
    message.msg_iovlen = parts.size();
    const int flags = MSG_NOSIGNAL | MSG_DONTWAIT | (more ? MSG_MORE : 0);
    const ssize_t count = ::sendmsg(socket_.native_handle(), &message, flags);
    if (count < 0) {
      if (errno == EINTR) continue;
      if (!would_block(errno)) throw Disconnected{};
      co_await wait(ServerSocket::wait_write);
      continue;
    }
    auto left = static_cast<std::size_t>(count);
    sent_ += left;
    const std::size_t of_first = std::min(left, first.size());
    first.remove_prefix(of_first);
    second.remove_prefix(left - of_first);
  }
}

Task<> Connection::send_file(const FileSpan& span, std::chrono::milliseconds patience) {
  auto offset = static_cast<off_t>(span.offset);
  const auto end = static_cast<off_t>(span.offset + span.length);
  while (offset < end) {
    const auto step = std::min<std::size_t>(static_cast<std::size_t>(end - offset), kSendFileStep);
    const ssize_t count = ::sendfile(socket_.native_handle(), span.file->get(), &offset, step);
    if (count > 0) {
      sent_ += static_cast<std::uint64_t>(count);
      set_deadline(std::chrono::steady_clock::now() + patience);
      continue;
    }
    if (count == 0) throw Error(Error::Kind::kIo, "a stored file is shorter than it was");
    if (errno == EINTR) continue;
    if (errno == EIO) throw Error::from_errno(errno, "sendfile");
    if (!would_block(errno)) throw Disconnected{};
    co_await wait(ServerSocket::wait_write);
  }
}

Task<> Connection::linger() {
  ::shutdown(socket_.native_handle(), SHUT_WR);
  set_deadline(std::chrono::steady_clock::now() + kLingerTime);
  expired_ = false;
  std::string discarded;
  try {
    while (co_await read_some(discarded)) discarded.clear();
  } catch (const Disconnected&) {  // it had its chance
  }
}

void Connection::reset() {
  const ::linger now{.l_onoff = 1, .l_linger = 0};
  ::setsockopt(socket_.native_handle(), SOL_SOCKET, SO_LINGER, &now, sizeof now);
  boost::system::error_code ignored;
  socket_.close(ignored);
}

}  // namespace hubcache::http
