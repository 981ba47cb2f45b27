#include "support/client.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <optional>
#include <stdexcept>
#include <utility>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>

namespace hubcache::test {
namespace {

void parse_head(std::string_view head, Answer& answer) {
  const auto line = head.substr(0, head.find("\r\n"));
  if (line.size() < 12 || !line.starts_with("HTTP/1.")) return;
  answer.status = std::stoi(std::string(line.substr(9, 3)));
  head.remove_prefix(std::min(head.size(), line.size() + 2));
  while (!head.empty()) {
    const auto field = head.substr(0, head.find("\r\n"));
    head.remove_prefix(std::min(head.size(), field.size() + 2));
    const auto colon = field.find(':');
    if (colon == std::string_view::npos) continue;
    std::string name(field.substr(0, colon));
    std::ranges::transform(name, name.begin(), [](unsigned char c) { return std::tolower(c); });
    auto value = field.substr(colon + 1);
    while (value.starts_with(' ')) value.remove_prefix(1);
    answer.headers[name] = std::string(value);
  }
}

void join_chunks(Answer& answer) {
  constexpr int kHex = 16;
  const auto text = std::exchange(answer.body, {});
  for (std::size_t at = 0;;) {
    const auto line = text.find("\r\n", at);
    if (line == std::string::npos) return;
    const auto size = std::stoull(text.substr(at, line - at), nullptr, kHex);
    answer.complete = size == 0;
    if (answer.complete) return;
    answer.body += text.substr(line + 2, size);
    at = line + 2 + size + 2;
    if (at > text.size()) return;
  }
}

}  // namespace

Fd connect_to(std::uint16_t port) {
  Fd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const timeval patience{.tv_sec = 30, .tv_usec = 0};
  ::setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    throw std::runtime_error("cannot connect");
  }
  return socket;
}

Answer send_raw(std::uint16_t port, std::string_view request,
                const std::function<void()>& on_head) {
  const Fd socket = connect_to(port);
  ::send(socket.get(), request.data(), request.size(), MSG_NOSIGNAL);
  const bool head_only = request.starts_with("HEAD ");
  Answer answer;
  std::string text;
  std::optional<std::size_t> body_at;
  std::array<char, 65536> buffer{};
  while (true) {
    if (!body_at) {
      if (const auto end = text.find("\r\n\r\n"); end != std::string::npos) {
        parse_head(std::string_view(text).substr(0, end + 2), answer);
        body_at = end + 4;
        if (on_head) on_head();
      }
    }
    if (body_at) {
      const auto length = answer.headers.find("content-length");
      const bool counted = length != answer.headers.end();
      const std::size_t wanted = head_only || answer.status == 304 ? 0
                                 : counted                         ? std::stoull(length->second)
                                                                   : SIZE_MAX;
      if (wanted != SIZE_MAX && text.size() - *body_at >= wanted) {
        answer.complete = true;
        break;
      }
    }
    const ssize_t count = ::recv(socket.get(), buffer.data(), buffer.size(), 0);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) {
      answer.reset = count < 0 && errno == ECONNRESET;
      break;
    }
    text.append(buffer.data(), static_cast<std::size_t>(count));
  }
  if (body_at) answer.body = text.substr(*body_at);
  if (answer.header("transfer-encoding") == "chunked") join_chunks(answer);
  return answer;
}

Answer fetch(std::uint16_t port, std::string_view target, const Fields& fields,
             std::string_view method, std::string_view body, const std::function<void()>& on_head) {
  std::string request(method);
  request.append(" ").append(target).append(" HTTP/1.1\r\nHost: 127.0.0.1\r\n");
  request += "Connection: close\r\n";
  for (const auto& [name, value] : fields) request.append(name + ": " + value + "\r\n");
  if (!body.empty()) request += "Content-Length: " + std::to_string(body.size()) + "\r\n";
  request.append("\r\n").append(body);
  return send_raw(port, request, on_head);
}

}  // namespace hubcache::test
