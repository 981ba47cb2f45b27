#pragma once

#include <string>
#include <vector>

#include "hubcache/base/fd.h"

namespace hubcache::net {

/// A bound, listening socket.
struct Listener {
  Fd socket;
  std::string address;  // "127.0.0.1:8080", with the real port when 0 was asked for; "unix:/path"
  bool tls = false;     // is to be served in TLS
};

/// Binds "ADDR:PORT", "[v6]:PORT" or "unix:/path" and listens. Throws kBadRequest for an address
/// that cannot be read (saying what is allowed), kIo when it cannot be bound.
Listener listen(const std::string& address);
/// Can listen() read this address? Whether it can be bound is another matter.
bool is_listen_address(const std::string& address);
/// The sockets systemd passed (LISTEN_FDS, sd_listen_fds(3)), in TLS those that are called "tls"
/// (FileDescriptorName); empty when there are none.
std::vector<Listener> passed_listeners();

}  // namespace hubcache::net
