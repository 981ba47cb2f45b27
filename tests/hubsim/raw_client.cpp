#include "hubsim/raw_client.h"

#include <array>
#include <cerrno>
#include <string>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "hubcache/base/fd.h"

namespace hubsim {
namespace {

hubcache::Fd connect_to(std::uint16_t port) {
  hubcache::Fd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const auto* to = reinterpret_cast<const sockaddr*>(&address);
  if (::connect(socket.get(), to, sizeof address) != 0) return {};
  return socket;
}

void parse_head(std::string_view head, RawReply& reply) {
  const auto lines = split(head, '\n');
  reply.status = std::stoi(lines[0].substr(lines[0].find(' ') + 1));
  for (std::size_t i = 1; i < lines.size(); ++i) {
    const auto line = lines[i].substr(0, lines[i].find('\r'));
    const auto colon = line.find(": ");
    if (colon == std::string::npos) continue;
    reply.headers.emplace_back(line.substr(0, colon), line.substr(colon + 2));
  }
}

void unchunk(RawReply& reply) {
  std::string whole;
  std::string_view rest = reply.body;
  for (;;) {
    const auto line = rest.find("\r\n");
    if (line == rest.npos) break;
    const auto size = std::stoul(std::string(rest.substr(0, line)), nullptr, 16);
    if (rest.size() < line + 2 + size + 2) break;
    whole += rest.substr(line + 2, size);
    rest.remove_prefix(line + 2 + size + 2);
    if (size != 0) continue;
    reply.complete = true;
    break;
  }
  reply.body = std::move(whole);
}

}  // namespace

RawReply raw_request(std::string_view method, std::string_view url, const Headers& headers,
                     std::string_view body, std::size_t enough) {
  RawReply reply;
  const auto slashes = url.find("://") + 3;
  const auto path = url.find('/', slashes);
  const auto authority = std::string(url.substr(slashes, path - slashes));
  const auto port = std::stoi(authority.substr(authority.find(':') + 1));
  const auto socket = connect_to(static_cast<std::uint16_t>(port));
  if (!socket) return reply;

  auto request = std::string(method) + " " + std::string(url.substr(path)) +
                 " HTTP/1.1\r\nHost: " + authority + "\r\nConnection: close\r\n";
  for (const auto& [name, value] : headers) request += name + ": " + value + "\r\n";
  if (!body.empty()) request += "Content-Length: " + std::to_string(body.size()) + "\r\n";
  request += "\r\n";
  request += body;
  ::send(socket.get(), request.data(), request.size(), MSG_NOSIGNAL);

  std::array<char, 65536> piece{};
  bool in_body = false;
  while (!in_body || reply.body.size() < enough) {
    const auto got = ::recv(socket.get(), piece.data(), piece.size(), 0);
    reply.reset = got < 0 && errno == ECONNRESET;
    if (got <= 0) break;
    reply.body.append(piece.data(), static_cast<std::size_t>(got));
    const auto end = in_body ? std::string::npos : reply.body.find("\r\n\r\n");
    if (end == std::string::npos) continue;
    parse_head(reply.body.substr(0, end), reply);
    reply.body.erase(0, end + 4);
    in_body = true;
  }
  if (reply.header("transfer-encoding") == "chunked") {
    unchunk(reply);
  } else {
    reply.complete = std::to_string(reply.body.size()) == reply.header("content-length");
  }
  return reply;
}

}  // namespace hubsim
