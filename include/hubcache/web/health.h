#pragma once

#include <atomic>

#include "hubcache/http/message.h"

namespace hubcache::web {

/// Is the process up, and will it take requests? Readable from any thread.
class Health {
 public:
  void set_ready(bool ready) { ready_.store(ready, std::memory_order_relaxed); }

  /// GET /healthz: 200 while the process answers at all.
  static http::Response healthz();
  /// GET /readyz: 200 once it serves, 503 before that and during shutdown.
  http::Response readyz() const;

 private:
  std::atomic<bool> ready_{false};
};

}  // namespace hubcache::web
