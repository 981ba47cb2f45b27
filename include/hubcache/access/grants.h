#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "hubcache/base/clock.h"
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
    std::size_t remembered = 20'000;  // decisions, a worker
  };
  Access(Workers& workers, db::Database& database, Options options, const Clock& clock);
  ~Access();

  /// Returns when the caller may read the probe's file; throws the Hub's refusal otherwise, or
  /// kUpstream and kUpstreamTimeout when the Hub could not be asked and no right can be prolonged.
  Task<Right> require_read(hub::Probe& probe);
  /// The right to the repo's documents; a refusal is a value. Opens no file by itself: only a HEAD
  /// tells whether files and documents of that name are one repo's (SECURITY 9).
  Task<Right> right_of_repo(hub::EndpointPtr endpoint, hub::Credential credential, hub::RepoId repo,
                            hub::Flights& flights);
  /// The Hub refused a repo when it was asked for something of it: takes back the credential's
  /// grants, and that the repo is public; whoever comes next is asked for anew. Done on all
  /// workers, and in the rows, on return. What hub::Hub::Options::on_refusal is for.
  Task<> heed_refusal(hub::RepoRefusal heard);

 private:
  enum class Verdict : std::uint8_t { kUnknown, kGranted, kRefused, kDocumentsOnly };
  enum class Use : std::uint8_t { kFiles, kDocuments };
  struct Decision {
    Verdict verdict = Verdict::kUnknown;
    WallTime at{};          // when the Hub was asked
    Refusal refusal{};      // of kRefused; of kUnknown, what ended a grant
    std::string canonical;  // name of the repo that the Hub's redirects ended at, for a grant
  };
  /// The keys that bear on a question: everybody's, the caller's, the caller's for one file.
  struct Keys {
    std::string everybody;
    std::string repo;
    std::string file;  // of the repo when no file is asked for
  };
  struct Known {
    Decision everybody;
    Decision repo;
    Decision file;
  };
  struct Shard;

  static Keys keys_of(const hub::Endpoint& endpoint, const hub::Credential& credential,
                      const hub::RepoId& repo);
  static Keys keys_of(const hub::Probe& probe);
  static std::string everybodys_key(const hub::Endpoint& endpoint, const hub::RepoId& repo);
  bool known_as_public(const hub::Endpoint& endpoint, const hub::RepoId& repo);
  bool fresh(const Decision& decision, std::chrono::milliseconds ttl) const;
  bool granted(const Decision& decision, std::chrono::milliseconds ttl) const;
  bool refused(const Known& known) const;
  /// The right to the repo that `known` gives, were all times longer by `beyond`.
  std::optional<Right> repo_right(const Known& known, Use use,
                                  std::chrono::milliseconds beyond = {}) const;
  bool file_granted(const Known& known, std::chrono::milliseconds beyond = {}) const;
  std::optional<Right> stale_right(const Known& known, Use use) const;
  /// A HEAD ended at `canonical` too, not long ago.
  bool seen_by_head(const Known& known, const hub::Credential& credential,
                    const hub::RepoId& canonical) const;
  std::optional<hub::RepoAnswer> remembered_yes(const hub::Probe& probe, const Known& known) const;

  /// What is known without asking; throws a refusal that still holds.
  std::optional<Right> right_known(const hub::Probe& probe, const Known& known) const;
  Task<Right> ask(hub::Probe& probe, Keys keys, Known known);
  Task<> grant_repo(const hub::Credential& credential, Keys keys, Decision decision);

  // What follows is in grant_memory.cpp.
  Task<Known> known(Keys keys);
  Task<Decision> recall(std::string key);
  Task<> take_back(Keys keys, Verdict instead, Refusal refusal);
  Task<> decide(std::string key, Decision decision);
  Task<> tell_all(std::string key, Decision decision);
  Task<> tell(std::size_t worker, std::string key, Decision decision);

  Workers& workers_;
  db::Database& database_;
  Options options_;
  const Clock& clock_;
  std::vector<std::unique_ptr<Shard>> shards_;
};

}  // namespace hubcache::access
