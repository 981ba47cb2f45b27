#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "support/certificate.h"

namespace hubcache::test {

/// What stands between a client and a server on 127.0.0.1, on a port of its own: a TLS front of
/// the server, or an HTTP proxy, which may be spoken to in TLS. Bytes are passed on as they come.
class Relay {
 public:
  struct Options {
    std::uint16_t to = 0;                 // the server's port; of a proxy: not used
    bool proxy = false;                   // reads a request's head and goes where that says
    bool silent = false;                  // takes connections and says nothing
    std::optional<Certificate> tls = {};  // speaks TLS with this
    std::string client_authority = {};    // PEM; only clients with a certificate of it
  };
  explicit Relay(Options options);
  ~Relay();
  Relay(const Relay&) = delete;
  Relay& operator=(const Relay&) = delete;

  std::uint16_t port() const;
  std::size_t connections() const;
  /// Heads of the requests that opened a connection through the proxy.
  std::vector<std::string> heads() const;
  /// Common names of the certificates that clients showed, one a connection.
  std::vector<std::string> clients() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace hubcache::test
