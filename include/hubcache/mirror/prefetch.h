#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "hubcache/access/grants.h"
#include "hubcache/base/clock.h"
#include "hubcache/base/lru.h"
#include "hubcache/base/stamps.h"
#include "hubcache/base/workers.h"
#include "hubcache/catalog/entries.h"
#include "hubcache/catalog/manifests.h"
#include "hubcache/db/database.h"
#include "hubcache/fill/fills.h"
#include "hubcache/obs/log.h"
#include "hubcache/registry/registry.h"
#include "hubcache/registry/rules.h"
#include "hubcache/store/store.h"
#include "hubcache/tasks/queue.h"

namespace hubcache::mirror {

std::span<const db::Migration> migrations();

/// Has all files of a commit fetched once somebody read one of them through a remote with policy
/// `immediate`: once per commit, one commit at a time, one file after the other, by the right of
/// the remote or of anybody, without anything being evicted, and without what the rules let nobody
/// read. Callable from any worker.
class Prefetch : public std::enable_shared_from_this<Prefetch> {
 public:
  /// All outlive this.
  struct Services {
    Workers& workers;
    db::Database& database;
    registry::Registry& registry;
    const registry::RuleBook& rules;
    store::Store& store;
    access::Access& access;
    catalog::Manifests& manifests;
    hub::Flights& flights;
    fill::Fills& fills;
    tasks::Queue& tasks;
    const Clock& clock;
    obs::Log& log;
  };
  /// Has a file stored, as the request of a client would that reads it to the end; false when it
  /// cannot be stored.
  using Fetch = std::function<Task<bool>(hub::EndpointPtr, hub::Credential, hub::FileRef)>;
  struct Options {
    std::uint64_t max_size;               // bytes of a commit; more is not fetched
    std::chrono::minutes look_again{10};  // whether a commit was prefetched
  };
  Prefetch(Services services, Fetch fetch, Options options);

  /// Somebody who may, reads this commit of an `immediate` remote: a task fetches the rest of it,
  /// unless one did. Costs nothing when that is remembered.
  void want(const hub::Endpoint& endpoint, const hub::RepoId& repo, const std::string& commit);

  /// Fetches a file whose blob was lost, by the same right; false when it is not stored then.
  Task<bool> refetch(catalog::KeptEntry entry);

  static constexpr const char* kTask = "hubcache.mirror.prefetch";
  /// Does such a task.
  Task<> run(tasks::Run& run);

 private:
  /// What a task is about.
  struct Wanted {
    std::string remote;
    std::string scope;
    hub::RepoId repo;
    std::string commit;
    std::string key() const;
  };
  static Task<> record(std::shared_ptr<Prefetch> self, Wanted wanted);
  static std::string text_of(const Wanted& wanted);
  static Wanted read(const std::string& arguments);
  Task<> fetch_all(Wanted wanted, tasks::Run& run);
  Task<std::vector<catalog::KeptEntry>> manifest_of(hub::EndpointPtr endpoint,
                                                    hub::Credential credential, Wanted wanted);
  bool may_be_read(const registry::Snapshot& snapshot, const hub::Endpoint& endpoint,
                   const hub::FileRef& file, std::uint64_t size) const;
  Task<> require_room(const std::vector<catalog::KeptEntry>& files);

  Services services_;
  Fetch fetch_;
  Options options_;
  Stamps stamps_;
  std::vector<std::unique_ptr<Lru<WallTime>>> looked_;  // by worker: when, by the commit's key
};

}  // namespace hubcache::mirror
