#include "hubcache/app/notify.h"

#include <systemd/sd-daemon.h>

namespace hubcache::app {

void notify_ready(const std::string& status) {
  sd_notify(0, ("READY=1\nSTATUS=" + status).c_str());
}

void notify_stopping() { sd_notify(0, "STOPPING=1"); }

}  // namespace hubcache::app
