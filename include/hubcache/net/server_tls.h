#pragma once

#include <chrono>
#include <filesystem>
#include <memory>
#include <string>

#include <openssl/types.h>

#include "hubcache/base/clock.h"
#include "hubcache/obs/log.h"

namespace hubcache::net {

using TlsContext = std::shared_ptr<SSL_CTX>;

/// What a server shows its clients: a certificate and its key, from PEM files that are read again
/// when they change. TLS 1.2 and later.
///
/// Threading: current() belongs to one worker; the context it returns may be used on any.
class ServerTls {
 public:
  /// `certificate` may hold a chain, its own first. Throws kBadRequest, which says what is wrong
  /// with which file.
  ServerTls(std::filesystem::path certificate, std::filesystem::path key, const Clock& clock,
            obs::Log& log);

  /// For a new connection. Looks at the files at most once a second; while they cannot be used,
  /// what they held before stays in force.
  TlsContext current();

 private:
  void reload();
  /// Changes when one of the files does.
  std::string version() const;

  std::filesystem::path certificate_;
  std::filesystem::path key_;
  const Clock& clock_;
  obs::Log& log_;
  SteadyTime looked_at_;
  std::string version_;
  TlsContext context_;
};

}  // namespace hubcache::net
