#include "hubcache/app/serve.h"

#include <csignal>
#include <filesystem>
#include <thread>
#include <utility>

#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "hubcache/app/instance.h"
#include "hubcache/app/notify.h"
#include "hubcache/base/clock.h"
#include "hubcache/base/error.h"
#include "hubcache/base/version.h"
#include "hubcache/obs/log.h"
#include "hubcache/obs/log_file.h"

namespace hubcache::app {
namespace {

/// Signals are taken by one thread, which waits for them.
class Signals {
 public:
  Signals() {
    sigemptyset(&set_);
    sigaddset(&set_, SIGTERM);
    sigaddset(&set_, SIGINT);
    sigaddset(&set_, SIGHUP);
    sigaddset(&set_, SIGUSR1);
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
  for (const auto& address : config.server.tls_listen) {
    listeners.push_back(net::listen(address));
    listeners.back().tls = true;
  }
  return listeners;
}

std::vector<net::Listener> open_metrics_listeners(const Config& config) {
  std::vector<net::Listener> listeners;
  listeners.reserve(config.server.metrics_listen.size());
  for (const auto& address : config.server.metrics_listen) {
    listeners.push_back(net::listen(address));
  }
  return listeners;
}

/// To the most that is allowed: of a shell's usual 1,024, little would be left for clients.
void raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

bool is_to_end(int number) { return number != SIGHUP && number != SIGUSR1; }

/// What cannot be opened changes nothing: the file that is open stays.
void reopen_log(obs::Log& log, const std::string& file) {
  try {
    obs::redirect_to_file(file);
  } catch (const Error& error) {
    log.error("log file not opened anew", {{"reason", error.what()}, {"context", error.context()}});
  }
}

/// A configuration that cannot be read changes nothing: the server goes on as it was.
void reload_into(Instance& instance, const std::function<Config()>& reload, obs::Log& log) {
  try {
    instance.reload(reload());
    log.info("configuration reloaded");
  } catch (const Error& error) {
    log.error("configuration not reloaded", {{"reason", error.what()}});
  }
}

}  // namespace

int serve(Config config, const std::function<Config()>& reload) {
  const Signals signals;        // before any thread starts, so that all inherit the mask
  ::prctl(PR_SET_DUMPABLE, 0);  // no core dumps: they would hold secrets (SECURITY 23)
  raise_descriptor_limit();
  if (config.storage.data_dir.empty()) {
    throw Error(Error::Kind::kBadRequest,
                "there is no home directory to keep data in: set --data-dir");
  }
  std::filesystem::create_directories(
      std::filesystem::absolute(config.storage.data_dir).parent_path());

  const SystemClock clock;
  obs::redirect_to_file(config.log_file);
  obs::Log log(config.log);
  auto listeners = open_listeners(config);
  auto metrics = open_metrics_listeners(config);
  store::PosixDisk disk;
  Instance instance(config, clock, log, disk);
  std::string addresses;
  for (const auto& listener : listeners) {
    log.info("listening",
             {{"address", listener.address}, {"protocol", listener.tls ? "https" : "http"}});
    (addresses += addresses.empty() ? "" : ", ") += listener.address;
  }
  for (const auto& listener : metrics) {
    log.info("listening", {{"address", listener.address}, {"protocol", "http, metrics only"}});
  }
  instance.start(std::move(listeners), std::move(metrics));
  log.info("ready", {{"version", version()},
                     {"data_dir", config.storage.data_dir},
                     {"upstream", config.upstream.url}});
  notify_ready("serving on " + addresses);

  int number = signals.wait();
  for (; !is_to_end(number); number = signals.wait()) {
    reopen_log(log, config.log_file);
    if (number == SIGHUP) reload_into(instance, reload, log);
  }
  log.info("shutting down", {{"signal", number}});
  notify_stopping();
  std::thread impatient([&signals, &log] {
    while (!is_to_end(signals.wait())) continue;
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
