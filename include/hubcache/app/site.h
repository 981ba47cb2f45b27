#pragma once

#include <array>
#include <atomic>
#include <cstddef>

#include "hubcache/access/accounts.h"
#include "hubcache/app/config.h"
#include "hubcache/app/control.h"
#include "hubcache/app/metrics.h"
#include "hubcache/base/error.h"
#include "hubcache/content/content.h"
#include "hubcache/http/server.h"
#include "hubcache/obs/counts.h"
#include "hubcache/obs/log.h"
#include "hubcache/rest/api.h"
#include "hubcache/web/health.h"

namespace hubcache::app {

/// What one worker's site counts beside its content. Readable from any thread.
struct SiteCounts {
  static constexpr std::size_t kErrorKinds = static_cast<std::size_t>(Error::Kind::kInternal) + 1;
  obs::StatusCounts rest;
  obs::StatusCounts pages;                       // below /-/, and their aliases
  std::array<obs::Counter, kErrorKinds> errors;  // that answers were made of, by Error::Kind
};

/// Says in the log that the database is damaged: once, however many requests meet it. For any
/// thread.
class DamageNotice {
 public:
  explicit DamageNotice(obs::Log& log) : log_(log) {}
  void heed(const Error& error);

 private:
  obs::Log& log_;
  std::atomic<bool> given_{false};
};

/// What one worker answers with; all of it outlives the site.
struct SiteParts {
  content::Content& content;
  rest::Api& api;
  access::Accounts& accounts;
  const web::Health& health;
  const Metrics& metrics;
  SiteCounts& counts;
  DamageNotice& damage;
  const Config::Server& server;
  const CommandRunner& run;  // what comes to kControlPath
};

/// The routes of all that is served together: content, the API, and own pages. Metrics are for who
/// has an account (SECURITY 23). `by_known_names`: Host has to be one (SECURITY 20).
http::Site site_of(const SiteParts& parts, bool by_known_names);
/// Of the listeners for metrics alone, where nobody has to log in: metrics and health.
http::Site metrics_site_of(const SiteParts& parts, bool by_known_names);

}  // namespace hubcache::app
