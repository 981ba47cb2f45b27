#include "support/faulty_sockets.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <limits>
#include <mutex>
#include <optional>
#include <utility>

#include <netinet/in.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>

namespace hubcache::test {
namespace {

using Call = FaultySockets::Call;
using End = FaultySockets::End;

constexpr auto kAll = std::numeric_limits<std::size_t>::max();

struct OfKind {
  std::size_t most = kAll;
  std::uint64_t calls = 0;
  std::uint64_t fail_at = 0;
  int code = 0;
};

struct Faults {
  std::atomic<bool> are_set{false};
  std::mutex mutex;  // guards the rest
  End end = End::kOwn;
  std::vector<std::uint16_t> ports;
  std::array<OfKind, 4> kinds;
  bool interrupts = false;
  bool was_interrupted = false;

  OfKind& of(Call kind) { return kinds.at(static_cast<std::size_t>(kind)); }
};

Faults& faults() {
  static Faults all;
  return all;
}

std::uint16_t port_of(const sockaddr* address) {
  if (address == nullptr || address->sa_family != AF_INET) return 0;
  return ntohs(reinterpret_cast<const sockaddr_in*>(address)->sin_port);
}

std::uint16_t port_of(int socket, End end) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  auto* const plain = reinterpret_cast<sockaddr*>(&address);
  const int result =
      end == End::kOwn ? ::getsockname(socket, plain, &size) : ::getpeername(socket, plain, &size);
  return result == 0 ? port_of(plain) : 0;
}

/// How many bytes the call may move; nullopt: it fails, and errno says how.
std::optional<std::size_t> begin(int socket, Call kind, const sockaddr* to = nullptr) {
  auto& all = faults();
  if (!all.are_set) return kAll;
  const std::lock_guard lock(all.mutex);
  const bool is_to_other = to != nullptr && all.end == End::kOther;
  const auto port = is_to_other ? port_of(to) : port_of(socket, all.end);
  if (port == 0 || std::ranges::find(all.ports, port) == all.ports.end()) return kAll;
  auto& own = all.of(kind);
  const bool fails = ++own.calls == own.fail_at;
  if (all.interrupts) all.was_interrupted = !all.was_interrupted;
  if (!fails && !(all.interrupts && all.was_interrupted)) return own.most;
  errno = fails ? own.code : EINTR;
  return std::nullopt;
}

/// A message with as many bytes at most.
class Shortened {
 public:
  Shortened(const msghdr& message, std::size_t most) : message_(message) {
    for (std::size_t i = 0; i < message.msg_iovlen && most > 0; ++i) {
      auto part = message.msg_iov[i];
      part.iov_len = std::min(part.iov_len, most);
      most -= part.iov_len;
      parts_.push_back(part);
    }
    message_.msg_iov = parts_.data();
    message_.msg_iovlen = parts_.size();
  }
  Shortened(const Shortened&) = delete;
  Shortened& operator=(const Shortened&) = delete;
  msghdr* get() { return &message_; }

 private:
  msghdr message_;
  std::vector<iovec> parts_;
};

}  // namespace

FaultySockets::FaultySockets(End end, std::vector<std::uint16_t> ports) {
  auto& all = faults();
  const std::lock_guard lock(all.mutex);
  all.end = end;
  all.ports = std::move(ports);
  all.kinds = {};
  all.interrupts = false;
  all.are_set = true;
}

FaultySockets::~FaultySockets() { faults().are_set = false; }

void FaultySockets::shorten(Call kind, std::size_t most) {
  const std::lock_guard lock(faults().mutex);
  faults().of(kind).most = most;
}

void FaultySockets::interrupt() {
  const std::lock_guard lock(faults().mutex);
  faults().interrupts = true;
}

void FaultySockets::fail_call(Call kind, std::uint64_t n, int code) {
  const std::lock_guard lock(faults().mutex);
  auto& own = faults().of(kind);
  own.calls = 0;
  own.fail_at = n;
  own.code = code;
}

std::uint64_t FaultySockets::calls(Call kind) const {
  const std::lock_guard lock(faults().mutex);
  return faults().of(kind).calls;
}

}  // namespace hubcache::test

// What the linker calls in place of these (ld(1), --wrap). The names are the linker's.
// NOLINTBEGIN(bugprone-reserved-identifier)
extern "C" {

using hubcache::test::begin;
using hubcache::test::Shortened;
using Kind = hubcache::test::FaultySockets::Call;

int __real_accept4(int socket, sockaddr* from, socklen_t* size, int flags);
int __real_connect(int socket, const sockaddr* to, socklen_t size);
ssize_t __real_recv(int socket, void* into, std::size_t size, int flags);
ssize_t __real_recvmsg(int socket, msghdr* message, int flags);
ssize_t __real_send(int socket, const void* bytes, std::size_t size, int flags);
ssize_t __real_sendmsg(int socket, const msghdr* message, int flags);
ssize_t __real_sendfile(int socket, int file, off_t* offset, std::size_t size);

int __wrap_accept4(int socket, sockaddr* from, socklen_t* size, int flags) {
  return begin(socket, Kind::kAccept) ? __real_accept4(socket, from, size, flags) : -1;
}

int __wrap_connect(int socket, const sockaddr* to, socklen_t size) {
  return begin(socket, Kind::kConnect, to) ? __real_connect(socket, to, size) : -1;
}

ssize_t __wrap_recv(int socket, void* into, std::size_t size, int flags) {
  const auto most = begin(socket, Kind::kReceive);
  return most ? __real_recv(socket, into, std::min(size, *most), flags) : -1;
}

ssize_t __wrap_recvmsg(int socket, msghdr* message, int flags) {
  const auto most = begin(socket, Kind::kReceive);
  if (!most) return -1;
  Shortened part(*message, *most);
  const auto count = __real_recvmsg(socket, part.get(), flags);
  message->msg_flags = part.get()->msg_flags;
  return count;
}

ssize_t __wrap_send(int socket, const void* bytes, std::size_t size, int flags) {
  const auto most = begin(socket, Kind::kSend);
  return most ? __real_send(socket, bytes, std::min(size, *most), flags) : -1;
}

ssize_t __wrap_sendmsg(int socket, const msghdr* message, int flags) {
  const auto most = begin(socket, Kind::kSend);
  return most ? __real_sendmsg(socket, Shortened(*message, *most).get(), flags) : -1;
}

ssize_t __wrap_sendfile(int socket, int file, off_t* offset, std::size_t size) {
  const auto most = begin(socket, Kind::kSend);
  return most ? __real_sendfile(socket, file, offset, std::min(size, *most)) : -1;
}

}  // extern "C"
// NOLINTEND(bugprone-reserved-identifier)
