#pragma once

#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "hubcache/app/config.h"
#include "hubcache/base/clock.h"
#include "hubcache/db/migration.h"
#include "hubcache/net/listener.h"
#include "hubcache/obs/log.h"
#include "hubcache/store/disk.h"

namespace hubcache::app {

/// Of all modules.
std::vector<db::Migration> all_migrations();

/// A whole server: the only place that constructs long-lived objects, in the order in which they
/// need each other. Used by one thread, which must not be one of its workers.
class Instance {
 public:
  /// Takes the data directory, opens the database, loads the registry. Throws Error with what an
  /// operator must know.
  Instance(const Config& config, const Clock& clock, obs::Log& log, store::Disk& disk);
  /// Shuts down first if that was not done.
  ~Instance();
  Instance(const Instance&) = delete;
  Instance& operator=(const Instance&) = delete;

  /// Serves the listeners when it returns; those of `metrics` nothing but metrics and health.
  void start(std::vector<net::Listener> listeners, std::vector<net::Listener> metrics = {});
  /// Does a command, as the control socket would. Callable from any thread but its workers', after
  /// start() and until shut_down().
  nlohmann::json order(const nlohmann::json& command, const std::stop_token& stop);
  /// Puts what may change while it runs in force, on all workers: level of the log, rules.
  void reload(const Config& config);
  /// Stops accepting, lets requests end within the configured deadline, parks fills, closes the
  /// database.
  void shut_down();

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace hubcache::app
