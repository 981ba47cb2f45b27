#pragma once

#include <string>

namespace hubcache::app {

/// Tells systemd (or whoever set NOTIFY_SOCKET) what state the service is in (sd_notify(3)). Does
/// nothing when nobody asked.
void notify_ready(const std::string& status);
void notify_stopping();

}  // namespace hubcache::app
