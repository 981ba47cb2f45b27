#pragma once

#include <array>
#include <cerrno>
#include <cstddef>
#include <string>
#include <string_view>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "hubcache/base/fd.h"

namespace hubcache::http {

/// A blocking TCP client that says just what it is told to, byte by byte.
class RawClient {
 public:
  explicit RawClient(const std::string& address, int receive_buffer = 0)
      : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    if (receive_buffer > 0) {
      ::setsockopt(fd_.get(), SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
    }
    const timeval patience{.tv_sec = 20, .tv_usec = 0};
    ::setsockopt(fd_.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const auto port = std::stoi(address.substr(address.rfind(':') + 1));
    to.sin_port = htons(static_cast<std::uint16_t>(port));
    connected_ = ::connect(fd_.get(), reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0;
  }

  bool connected() const { return connected_; }
  int fd() const { return fd_.get(); }

  void send(std::string_view text) {
    while (!text.empty()) {
      const ssize_t n = ::send(fd_.get(), text.data(), text.size(), MSG_NOSIGNAL);
      if (n < 0) return;
      text.remove_prefix(static_cast<std::size_t>(n));
    }
  }

  /// The head of the next response, with its empty line; shorter if the connection ends first.
  std::string read_head() {
    while (buffer_.find("\r\n\r\n") == std::string::npos && read_more()) {
    }
    const auto end = buffer_.find("\r\n\r\n");
    return take(end == std::string::npos ? buffer_.size() : end + 4);
  }
  std::string read_body(std::size_t size) {
    while (buffer_.size() < size && read_more()) {
    }
    return take(std::min(size, buffer_.size()));
  }
  /// All there is until the server closes or resets.
  std::string read_to_end() {
    while (read_more()) {
    }
    return take(buffer_.size());
  }
  /// Reads one whole response by its Content-Length.
  std::string read_response() {
    auto head = read_head();
    const auto at = head.find("Content-Length: ");
    const auto size = at == std::string::npos ? 0 : std::stoul(head.substr(at + 16));
    return head + read_body(size);
  }

  bool was_closed() const { return closed_; }
  bool was_reset() const { return reset_; }
  void shut_down_write() { ::shutdown(fd_.get(), SHUT_WR); }
  void close() { fd_.reset(); }

 private:
  bool read_more() {
    std::array<char, 65536> bytes{};
    const ssize_t n = ::recv(fd_.get(), bytes.data(), bytes.size(), 0);
    if (n > 0) buffer_.append(bytes.data(), static_cast<std::size_t>(n));
    closed_ = closed_ || n == 0;
    reset_ = reset_ || (n < 0 && errno == ECONNRESET);
    return n > 0;
  }
  std::string take(std::size_t size) {
    std::string out = buffer_.substr(0, size);
    buffer_.erase(0, size);
    return out;
  }

  Fd fd_;
  std::string buffer_;
  bool connected_ = false;
  bool closed_ = false;
  bool reset_ = false;
};

}  // namespace hubcache::http
