#include "hubcache/web/health.h"

namespace hubcache::web {

http::Response Health::healthz() { return http::text_response(200, "ok\n"); }

http::Response Health::readyz() const {
  return ready_.load(std::memory_order_relaxed) ? http::text_response(200, "ready\n")
                                                : http::text_response(503, "not ready\n");
}

}  // namespace hubcache::web
