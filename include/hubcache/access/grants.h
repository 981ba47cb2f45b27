#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "hubcache/base/clock.h"
#include "hubcache/base/lru.h"
#include "hubcache/base/workers.h"
#include "hubcache/db/database.h"
#include "hubcache/db/migration.h"
#include "hubcache/hub/probe.h"
#include "hubcache/obs/log.h"

namespace hubcache::access {

std::span<const db::Migration> grant_migrations();

/// What the Hub said, as it is told again.
struct Refusal {
  int status = 0;
  std::string code;
  std::string message;
};

/// What a caller may do with a repo, or one file of it.
struct Right {
  enum class Kind : std::uint8_t {
    kPublic,   // anybody may read the repo
    kRepo,     // this caller may read the repo
    kFile,     // this caller may read this very path (README.md of a gated repo)
    kRefused,  // only from right_of_repo()
  };
  Kind kind = Kind::kRefused;
  bool stale = false;  // prolonged because the hub's origin is down
  Refusal refusal{};

  bool refused() const { return kind == Kind::kRefused; }
  /// Documents of repos that are not public are kept per class (SECURITY 4).
  std::string_view document_class() const;
};

/// The memory of what the Hub let whom read: grants and refusals, each with its own time (DESIGN 3,
/// SECURITY 4 to 7). Every worker has its own copy; what the Hub decided is told to all of them
/// before it is acted on, the newest decision wins. Callable from any worker.
///
/// Repos are keyed as they were asked for: another spelling has to earn its own right.
class Access {
 public:
  struct Options {
    std::chrono::milliseconds grant_ttl{std::chrono::minutes(5)};
    std::chrono::milliseconds public_ttl{std::chrono::minutes(30)};
    std::chrono::milliseconds refusal_ttl{std::chrono::minutes(1)};
    std::chrono::milliseconds stale_grants{std::chrono::hours(24)};
    std::size_t remembered = 100'000;  // decisions, a worker
  };
  Access(Workers& workers, db::Database& database, Options options, const Clock& clock);

  /// Returns when the caller may read the probe's file; throws the Hub's refusal otherwise, or
  /// kUpstream and kUpstreamTimeout when the Hub could not be asked and no right can be prolonged.
  Task<Right> require_read(hub::Probe& probe);
  /// The right to the repo as a whole; a refusal is a value.
  Task<Right> right_of_repo(hub::EndpointPtr endpoint, hub::Credential credential,
                            hub::RepoId repo, hub::Flights& flights);

 private:
  enum class Verdict : std::uint8_t { kUnknown, kGranted, kRefused };
  struct Decision {
    Verdict verdict = Verdict::kUnknown;
    WallTime at{};
    Refusal refusal{};
  };
  /// The keys that bear on a question: everybody's, the caller's, the caller's for one path.
  struct Keys {
    std::string everybody;
    std::string repo;
    std::string file;
  };
  struct Known {
    Decision everybody;
    Decision repo;
    Decision file;
  };
  struct Shard {
    explicit Shard(std::size_t capacity) : decisions(capacity) {}
    Lru<Decision> decisions;
  };

  static Keys keys_of(const hub::Endpoint& endpoint, const hub::Credential& credential,
                      const hub::RepoId& repo, std::string_view path);
  Task<Known> known(Keys keys);
  Task<Decision> recall(std::string key);
  bool fresh(const Decision& decision, std::chrono::milliseconds ttl) const;
  bool granted(const Decision& decision, std::chrono::milliseconds ttl) const;
  std::optional<Right> fresh_right(const Known& known) const;
  std::optional<Right> stale_right(const Known& known) const;
  Task<Right> ask(hub::Probe& probe, Keys keys, Known known);
  Task<> decide(std::string key, Decision decision);
  Task<> tell(std::size_t worker, std::string key, Decision decision);
  Task<> record_grant(Keys keys, bool for_everybody);
  Task<> record_refusal(Keys keys, Refusal refusal);

  Workers& workers_;
  db::Database& database_;
  Options options_;
  const Clock& clock_;
  std::vector<std::unique_ptr<Shard>> shards_;
};

}  // namespace hubcache::access
