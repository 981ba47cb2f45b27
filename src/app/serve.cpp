#include "hubcache/app/serve.h"

#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <thread>
#include <utility>

#include "hubcache/app/instance.h"
#include "hubcache/app/notify.h"
#include "hubcache/base/clock.h"
#include "hubcache/base/error.h"
#include "hubcache/obs/log.h"

namespace hubcache::app {
namespace {

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string() : std::string(value);
}

/// Of a service its StateDirectory, else where the XDG base directory specification says.
std::string default_data_dir() {
  if (const auto state = variable("STATE_DIRECTORY"); !state.empty()) {
    return state.substr(0, state.find(':'));
  }
  if (const auto data = variable("XDG_DATA_HOME"); !data.empty()) return data + "/hubcache";
  const auto home = variable("HOME");
  if (home.empty()) {
    throw Error(Error::Kind::kBadRequest,
                "there is no home directory to keep data in: set --data-dir");
  }
  return home + "/.local/share/hubcache";
}

/// Signals are taken by one thread, which waits for them.
class Signals {
 public:
  Signals() {
    sigemptyset(&set_);
    sigaddset(&set_, SIGTERM);
    sigaddset(&set_, SIGINT);
    pthread_sigmask(SIG_BLOCK, &set_, nullptr);
    ::signal(SIGPIPE, SIG_IGN);
  }
  int wait() const {
    int number = 0;
    sigwait(&set_, &number);
    return number;
  }

 private:
  sigset_t set_{};
};

std::vector<net::Listener> open_listeners(const Config& config) {
  auto listeners = net::passed_listeners();
  if (!listeners.empty()) return listeners;
  for (const auto& address : config.server.listen) listeners.push_back(net::listen(address));
  return listeners;
}

}  // namespace

int serve(Config config) {
  const Signals signals;  // before any thread starts, so that all inherit the mask
  ::prctl(PR_SET_DUMPABLE, 0);  // no core dumps: they would hold secrets (SECURITY 23)
  if (config.storage.data_dir.empty()) config.storage.data_dir = default_data_dir();
  std::filesystem::create_directories(
      std::filesystem::path(config.storage.data_dir).parent_path());

  const SystemClock clock;
  obs::Log log(config.log);
  auto listeners = open_listeners(config);
  Instance instance(config, clock, log);
  std::string addresses;
  for (const auto& listener : listeners) {
    log.info("listening", {{"address", listener.address}});
    (addresses += addresses.empty() ? "" : ", ") += listener.address;
  }
  instance.start(std::move(listeners));
  log.info("ready", {{"version", HUBCACHE_VERSION},
                     {"data_dir", config.storage.data_dir},
                     {"upstream", config.upstream.url}});
  notify_ready("serving on " + addresses);

  const int number = signals.wait();
  log.info("shutting down", {{"signal", number}});
  notify_stopping();
  std::thread impatient([&signals, &log] {
    signals.wait();
    log.warn("second signal, ending at once");
    log.flush();
    ::_exit(1);
  });
  impatient.detach();
  instance.shut_down();
  log.info("ended");
  log.flush();
  return 0;
}

}  // namespace hubcache::app
