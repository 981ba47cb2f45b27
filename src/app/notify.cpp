#include "hubcache/app/notify.h"

#include <cstdint>

#include <systemd/sd-daemon.h>

namespace hubcache::app {
namespace {

Task<> answer_for_worker() { co_return; }

}  // namespace

void notify_ready(const std::string& status) {
  sd_notify(0, ("READY=1\nSTATUS=" + status).c_str());
}

void notify_stopping() { sd_notify(0, "STOPPING=1"); }

std::optional<std::chrono::microseconds> watchdog_interval() {
  std::uint64_t limit = 0;
  if (sd_watchdog_enabled(0, &limit) <= 0) return std::nullopt;
  return std::chrono::microseconds(limit / 2);
}

Task<> prove_alive(Workers& workers, std::chrono::microseconds interval) {
  Timer timer(workers.executor(0));
  while (true) {
    for (std::size_t i = 0; i < workers.size(); ++i) {
      co_await on(workers.executor(i), answer_for_worker());
    }
    sd_notify(0, "WATCHDOG=1");
    timer.expires_after(interval);
    co_await timer.async_wait(use_task);
  }
}

}  // namespace hubcache::app
