#pragma once

#include <filesystem>
#include <vector>

#include "hubcache/access/grants.h"
#include "hubcache/base/task.h"
#include "hubcache/content/content.h"
#include "hubcache/fill/fills.h"
#include "hubcache/http/client.h"
#include "hubcache/http/server.h"
#include "hubcache/hub/hub.h"
#include "hubcache/obs/families.h"
#include "hubcache/store/store.h"

namespace hubcache::app {

struct SiteCounts;

/// All numbers of a running server, read from where they are counted when somebody looks: a scrape,
/// `hubcache status`, or the two compared. Callable from any worker, between the start of the
/// server and its end.
class Metrics {
 public:
  /// What has them; it outlives this. Those of workers are filled in before the first look.
  struct Sources {
    store::Store& store;
    const fill::Fills& fills;
    const access::Access& access;
    hub::Outages& outages;
    hub::RateLimits& limits;
    std::vector<const http::Client*> clients{};
    std::vector<const hub::Hub*> hubs{};
    std::vector<const content::Content*> contents{};
    std::vector<const SiteCounts*> sites{};
    const http::Server* server = nullptr;
  };

  explicit Metrics(Sources sources) : sources_(std::move(sources)) {}
  Sources& sources() noexcept { return sources_; }

  Task<obs::Families> look() const;

 private:
  void add_requests(obs::Families& to) const;
  void add_traffic(obs::Families& to) const;
  void add_hits(obs::Families& to) const;
  void add_fills(obs::Families& to) const;
  void add_upstream(obs::Families& to) const;
  void add_rights(obs::Families& to) const;
  void add_disk(obs::Families& to, const store::Holdings& holdings) const;

  Sources sources_;
};

}  // namespace hubcache::app
