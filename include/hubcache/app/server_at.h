#pragma once

#include <memory>
#include <stop_token>
#include <string>

#include <nlohmann/json_fwd.hpp>

#include "hubcache/http/proxies.h"

namespace hubcache::app {

/// A server that commands are given to by its URL (control.h has the other end). Used by any number
/// of threads.
class ServerAt {
 public:
  /// `url`: http(s)://host:port, with a path where a proxy before the server takes one away.
  /// `authorization` is sent with each command; "" is none. Throws kBadRequest for another URL.
  ServerAt(std::string url, std::string authorization, http::Proxies proxies);
  ~ServerAt();
  ServerAt(const ServerAt&) = delete;
  ServerAt& operator=(const ServerAt&) = delete;

  /// Blocks. Throws the server's refusal, kUnavailable when none can be reached or it ends in the
  /// middle, kConflict when what answers is no hubcache, and kCancelled soon after `stop` is asked
  /// for.
  nlohmann::json give(const nlohmann::json& command, const std::stop_token& stop = {});

  const std::string& url() const noexcept { return url_; }

 private:
  struct Asking;
  const std::string url_;
  std::unique_ptr<Asking> asking_;
};

}  // namespace hubcache::app
