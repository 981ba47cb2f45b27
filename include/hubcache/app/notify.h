#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "hubcache/base/task.h"
#include "hubcache/base/workers.h"

namespace hubcache::app {

/// Tells systemd (or whoever set NOTIFY_SOCKET) what state the service is in (sd_notify(3)). Does
/// nothing when nobody asked.
void notify_ready(const std::string& status);
void notify_stopping();

/// How often systemd wants to be told that the service is alive (WatchdogSec=), halved so that one
/// late message does no harm; nullopt when it does not ask.
std::optional<std::chrono::microseconds> watchdog_interval();
/// Tells it every `interval` that the service is alive, each time after every worker has answered:
/// one that is stuck ends that. Runs on the first worker until it is destroyed with it.
Task<> prove_alive(Workers& workers, std::chrono::microseconds interval);

}  // namespace hubcache::app
