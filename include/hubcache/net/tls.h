#pragma once

#include <map>
#include <memory>
#include <string>

#include <boost/asio/ssl/context.hpp>

#include "hubcache/base/task.h"

namespace hubcache::net {

/// How a TLS connection is secured; PEM texts, empty for none.
struct TlsSettings {
  bool verify = true;
  std::string ca_cert{};  // beside the system's
  std::string client_cert{};
  std::string client_key{};

  auto operator<=>(const TlsSettings&) const = default;
};

/// One context for all connections of the same settings; certificates are read once. Belongs to
/// one worker.
class TlsContexts {
 public:
  /// Throws kUpstream when a PEM text cannot be read.
  std::shared_ptr<asio::ssl::context> get(const TlsSettings& settings);

 private:
  std::map<TlsSettings, std::shared_ptr<asio::ssl::context>> contexts_;
};

}  // namespace hubcache::net
