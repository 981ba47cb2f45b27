#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace hubcache::test {

/// The calls of sockets fail as they are told to, while this lives: those whose own port is one of
/// these, or the one at their other end. All else is as ever. For programs that link the target
/// `faulty_sockets`, by which the linker has these calls go through here; the server itself knows
/// nothing of it. What OpenSSL does by itself does not come by. One at a time; callable from any
/// thread.
class FaultySockets {
 public:
  enum class End : std::uint8_t { kOwn, kOther };
  enum class Call : std::uint8_t { kAccept, kConnect, kReceive, kSend };

  FaultySockets(End end, std::vector<std::uint16_t> ports);
  ~FaultySockets();
  FaultySockets(const FaultySockets&) = delete;
  FaultySockets& operator=(const FaultySockets&) = delete;

  /// Calls of this kind move so many bytes at most.
  void shorten(Call kind, std::size_t most);
  /// Every other call fails with EINTR.
  void interrupt();
  /// The nth call of this kind from now on fails with `code`, once; n counts from 1.
  void fail_call(Call kind, std::uint64_t n, int code);
  /// Calls of this kind since fail_call(), or since the beginning.
  std::uint64_t calls(Call kind) const;
};

}  // namespace hubcache::test
