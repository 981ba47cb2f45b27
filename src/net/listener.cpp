#include "hubcache/net/listener.h"

#include <array>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string_view>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <systemd/sd-daemon.h>

#include "hubcache/base/error.h"

namespace hubcache::net {
namespace {

constexpr int kBacklog = 4096;
constexpr std::string_view kUnix = "unix:";

[[noreturn]] void refuse(const std::string& address) {
  throw Error(Error::Kind::kBadRequest,
              "cannot listen on \"" + address + "\": use ADDR:PORT, [IPV6]:PORT or unix:/path");
}

[[noreturn]] void fail(const std::string& address, int code) {
  throw Error(Error::Kind::kIo, "cannot listen on " + address + ": " + std::strerror(code));
}

struct Address {
  sockaddr_storage storage{};
  socklen_t size = 0;
  sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage); }
};

void set_option(int fd, int level, int option, int value) {
  ::setsockopt(fd, level, option, &value, sizeof value);
}

Address parse_inet(const std::string& text) {
  const auto colon = text.rfind(':');
  if (colon == std::string::npos) refuse(text);
  std::uint16_t port = 0;
  const char* const digits = text.data() + colon + 1;
  const char* const end = text.data() + text.size();
  const auto parsed = std::from_chars(digits, end, port);
  if (parsed.ec != std::errc() || parsed.ptr != end) refuse(text);

  Address address;
  std::string host = text.substr(0, colon);
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
    auto* v6 = reinterpret_cast<sockaddr_in6*>(&address.storage);
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(port);
    address.size = sizeof *v6;
    if (inet_pton(AF_INET6, host.c_str(), &v6->sin6_addr) != 1) refuse(text);
  } else {
    if (host == "localhost") host = "127.0.0.1";
    auto* v4 = reinterpret_cast<sockaddr_in*>(&address.storage);
    v4->sin_family = AF_INET;
    v4->sin_port = htons(port);
    address.size = sizeof *v4;
    if (inet_pton(AF_INET, host.c_str(), &v4->sin_addr) != 1) refuse(text);
  }
  return address;
}

Address parse_unix(const std::string& text) {
  Address address;
  auto* local = reinterpret_cast<sockaddr_un*>(&address.storage);
  const std::string path = text.substr(kUnix.size());
  if (!path.starts_with('/') || path.size() >= sizeof local->sun_path) refuse(text);
  local->sun_family = AF_UNIX;
  std::memcpy(local->sun_path, path.c_str(), path.size() + 1);
  address.size = sizeof *local;
  return address;
}

// A server that was killed leaves its socket file behind; one that still answers keeps it.
void remove_stale(const std::string& text, Address address) {
  const std::string path = text.substr(kUnix.size());
  struct stat status{};
  if (::lstat(path.c_str(), &status) != 0 || !S_ISSOCK(status.st_mode)) return;
  const Fd probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (::connect(probe.get(), address.get(), address.size) == 0) fail(text, EADDRINUSE);
  ::unlink(path.c_str());
}

std::string name_of(int fd) {
  Address address;
  address.size = sizeof address.storage;
  if (::getsockname(fd, address.get(), &address.size) != 0) return "unknown";
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (address.storage.ss_family == AF_INET) {
    const auto* v4 = reinterpret_cast<const sockaddr_in*>(&address.storage);
    inet_ntop(AF_INET, &v4->sin_addr, text.data(), text.size());
    return std::string(text.data()) + ":" + std::to_string(ntohs(v4->sin_port));
  }
  if (address.storage.ss_family == AF_INET6) {
    const auto* v6 = reinterpret_cast<const sockaddr_in6*>(&address.storage);
    inet_ntop(AF_INET6, &v6->sin6_addr, text.data(), text.size());
    return "[" + std::string(text.data()) + "]:" + std::to_string(ntohs(v6->sin6_port));
  }
  const auto* local = reinterpret_cast<const sockaddr_un*>(&address.storage);
  return std::string(kUnix) + local->sun_path;
}

// What accepted sockets inherit from the listener (tcp(7)) costs no call for each of them.
void prepare(int fd, sa_family_t family) {
  if (family != AF_UNIX) set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
}

}  // namespace

Listener listen(const std::string& address) {
  const bool local = address.starts_with(kUnix);
  Address place = local ? parse_unix(address) : parse_inet(address);
  if (local) remove_stale(address, place);

  const int family = place.storage.ss_family;
  Fd socket(::socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket) fail(address, errno);
  if (!local) set_option(socket.get(), SOL_SOCKET, SO_REUSEADDR, 1);
  if (family == AF_INET6) set_option(socket.get(), IPPROTO_IPV6, IPV6_V6ONLY, 0);
  prepare(socket.get(), place.storage.ss_family);
  if (::bind(socket.get(), place.get(), place.size) != 0) fail(address, errno);
  if (::listen(socket.get(), kBacklog) != 0) fail(address, errno);
  std::string name = name_of(socket.get());
  return {.socket = std::move(socket), .address = std::move(name)};
}

bool is_listen_address(const std::string& address) {
  try {
    address.starts_with(kUnix) ? parse_unix(address) : parse_inet(address);
    return true;
  } catch (const Error&) {
    return false;
  }
}

std::vector<Listener> passed_listeners() {
  std::vector<Listener> listeners;
  char** names = nullptr;
  const int count = sd_listen_fds_with_names(1, &names);
  const std::unique_ptr<char*, void (*)(void*)> list(names, std::free);
  for (int i = 0; i < count; ++i) {
    const std::unique_ptr<char, void (*)(void*)> called(names[i], std::free);
    Fd socket(SD_LISTEN_FDS_START + i);
    if (sd_is_socket(socket.get(), AF_UNSPEC, SOCK_STREAM, 1) <= 0) continue;
    const bool local = sd_is_socket(socket.get(), AF_UNIX, SOCK_STREAM, 1) > 0;
    prepare(socket.get(), local ? AF_UNIX : AF_INET);
    ::fcntl(socket.get(), F_SETFL, ::fcntl(socket.get(), F_GETFL) | O_NONBLOCK);
    std::string name = name_of(socket.get());
    listeners.push_back({.socket = std::move(socket),
                         .address = std::move(name),
                         .tls = std::string_view(called.get()) == "tls"});
  }
  return listeners;
}

}  // namespace hubcache::net
