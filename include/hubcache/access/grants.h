#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "hubcache/access/known_repo.h"
#include "hubcache/base/clock.h"
#include "hubcache/base/workers.h"
#include "hubcache/db/database.h"
#include "hubcache/db/migration.h"
#include "hubcache/hub/probe.h"
#include "hubcache/obs/counts.h"
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
  hub::RepoId repo{};  // by its canonical name, as far as the Hub told: what is kept is keyed by it
  WallTime until{};    // for how long it is known; a refusal's is not told

  bool refused() const { return kind == Kind::kRefused; }
  /// Documents of repos that are not public are kept per class (SECURITY 4).
  std::string_view document_class() const;
};

/// What the Hub has said of rights, whoever asked. Readable from any thread.
struct GrantCounts {
  obs::Counter granted;
  obs::Counter refused;
  obs::Counter stale;  // rights that served while the Hub could not be asked
};

/// The memory of what the Hub let whom read: grants and refusals, each with its own time (DESIGN 3,
/// SECURITY 4 to 7). Every worker has its own copy; what the Hub decided is told to all of them
/// before it is acted on, the newest decision wins. Callable from any worker.
///
/// Rights are of a repo by its canonical name, which is the Hub's own spelling. Another name of it
/// (an old one, or in other case) is an alias: learned from the Hub's redirects alone, where a HEAD
/// and auth-check ended at one name (SECURITY 9), and for as long as a grant. For documents
/// auth-check alone will do, for each of them tells which repo it is of. An alias opens nothing
/// itself, and a refusal by any name closes all of them.
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
  /// Settles the probe: its repo is the canonical one, and what everybody may read it asks for as
  /// anybody, so that nobody's own right teaches what is shown to all.
  Task<Right> require_read(hub::Probe& probe);
  /// The same for what most requests come to: everybody may read the repo, as this worker
  /// remembers. nullopt says nothing.
  std::optional<Right> right_at_once(hub::Probe& probe);
  /// The same for who asks again and again, by the key that public_key() made.
  bool is_public_at_once(std::string_view key) const;
  static std::string public_key(const hub::Endpoint& endpoint, const hub::RepoId& repo);
  /// The right to the repo's documents; a refusal is a value. Opens no file by itself: only a HEAD
  /// tells whether files and documents of that name are one repo's (SECURITY 9). What is known for
  /// no longer than `at_least` is asked anew. A stale one serves only where the Hub does not
  /// answer another question either, which it is asked when it is slow to answer this one.
  Task<Right> right_of_repo(hub::EndpointPtr endpoint, hub::Credential credential, hub::RepoId repo,
                            hub::Flights& flights, std::chrono::milliseconds at_least = {});
  /// An import vouches for the repo: whoever asks `twin` (hub::imported_twin()) for it may read it,
  /// by this name and those, until the Hub refuses it to everybody or to the remote's own token.
  /// Durable on return.
  Task<> admit_imported(hub::EndpointPtr twin, hub::RepoId repo, std::vector<std::string> names);
  /// What hub::Hub::Options::on_change is for. A refusal takes back the credential's grants, and
  /// that the repo is public; another name does that for the one that was asked. Whoever comes next
  /// is asked for anew. Done on all workers, and in the rows, on return.
  Task<> heed(hub::RepoChange change);
  /// Drops the rows that are past their time, and of the others the oldest until they take `most`
  /// bytes; but none that an answer on its way must still find, nor what was imported. What went is
  /// asked for again. Returns the bytes that all rows still take, about.
  Task<std::uint64_t> trim(std::uint64_t most);

  const GrantCounts& counts() const noexcept { return *counts_; }

 private:
  friend KnownRepo known_repo(db::Connection& sql, std::string_view scope, const hub::RepoId& repo);
  // Numbers in rows: new ones go to the end.
  enum class Verdict : std::uint8_t {
    kUnknown,
    kGranted,
    kRefused,
    kDocumentsOnly,   // granted, but for documents alone
    kAlias,           // this is no canonical name
    kDocumentsAlias,  // the same, as far as documents go
    kImported,        // vouched for by an import: of no age
    kImportedAlias,   // the same, for another name
  };
  enum class Use : std::uint8_t { kFiles, kDocuments };
  struct Decision {
    Verdict verdict = Verdict::kUnknown;
    WallTime at{};           // when the Hub was asked
    Refusal refusal{};       // of kRefused; of kUnknown, what ended a grant
    std::string leads_to{};  // of an alias: the canonical name
    bool is_yes() const {
      return verdict == Verdict::kGranted || verdict == Verdict::kDocumentsOnly;
    }
    bool is_alias() const {
      return verdict == Verdict::kAlias || verdict == Verdict::kDocumentsAlias ||
             verdict == Verdict::kImportedAlias;
    }
  };
  /// Who asks for what, by the name it was asked by. Refers to what the one who awaits has.
  struct Asking {
    const hub::Endpoint& endpoint;
    const hub::Credential& credential;
    hub::RepoId repo;
    std::string file;  // its revision and path; empty when it is about the repo alone
  };
  /// The keys that bear on a question: everybody's, the caller's, the caller's for one file.
  struct Keys {
    std::string everybody;
    std::string repo;
    std::string file;     // of the repo when no file is asked for
    bool of_all = false;  // a refusal of this caller is one of all, who may read what was imported
  };
  struct Known {
    hub::RepoId name;  // of the repo: as it was asked for, or where its alias leads
    Keys keys;         // of that name
    Decision everybody{};
    Decision repo{};
    Decision file{};
    Decision alias{};  // of the name that was asked; kUnknown: it is none
    std::chrono::milliseconds alias_ttl{};
  };
  struct Shard;
  /// What the rows take, and the time of the newest one that finds no room.
  struct Extent {
    std::uint64_t bytes = 0;
    WallTime too_much{};
  };

  static Asking asking_of(const hub::Probe& probe);
  static Keys keys_of(const Asking& asking, const hub::RepoId& repo);

  const Decision* public_at_once(std::string_view key) const;
  static void settle(hub::Probe& probe, const Right& right);
  Task<Right> read_right(hub::Probe& probe);
  Right right_just_given(const hub::Credential& credential, hub::RepoId repo, WallTime at) const;
  /// What is known without asking; throws a refusal that still holds.
  std::optional<Right> right_known(const hub::Probe& probe, const Known& known) const;
  Task<Right> ask(hub::Probe& probe, Asking asking, Known known);
  Task<> grant(const Asking& asking, hub::RepoId canonical, Use use, Verdict alias, WallTime at);
  Task<> refuse(const Asking& asking, const Known& known, hub::RepoId canonical, Refusal refusal,
                Verdict alias, WallTime at);
  Task<> learn_alias(const Asking& asking, hub::RepoId canonical, Verdict alias, WallTime at);

  // What follows is in grant_rules.cpp: what a memory means at this time, were all times longer by
  // `beyond`.
  bool fresh(const Decision& decision, std::chrono::milliseconds ttl) const;
  bool granted(const Decision& decision, std::chrono::milliseconds ttl) const;
  WallTime end_of(const Decision& decision, std::chrono::milliseconds ttl) const;
  bool leads(const Known& known, Use use, std::chrono::milliseconds beyond = {}) const;
  bool refused(const Known& known, Use use) const;
  std::optional<Right> repo_right(const Known& known, Use use,
                                  std::chrono::milliseconds beyond = {}) const;
  bool file_granted(const Known& known, std::chrono::milliseconds beyond = {}) const;
  Right file_right(const Known& known, std::chrono::milliseconds beyond = {}) const;
  std::optional<Right> stale_right(const Known& known, Use use) const;
  bool seen_by_head(const Known& known, const hub::Credential& credential,
                    const hub::RepoId& canonical) const;
  std::optional<hub::RepoAnswer> remembered_yes(const hub::Probe& probe, const Known& known) const;

  // What follows is in grant_memory.cpp.
  Task<Known> known(const Asking& asking);
  Task<Known> known_by(const Asking& asking, hub::RepoId name);
  Task<Decision> recall(std::string key);
  /// Everybody's, of what was imported.
  static std::string imported_key(const Keys& keys);
  Task<> take_back(Keys keys, Verdict instead, Refusal refusal);
  Task<> decide(std::string key, Decision decision);
  WallTime refusals_end() const;  // those from before are past their time
  WallTime grants_end() const;    // and aliases'
  static std::int64_t forget_some(db::Connection& sql, WallTime refused_before,
                                  WallTime granted_before);
  static Extent extent(db::Connection& sql, std::uint64_t most);
  Task<> forget(WallTime refused_before, WallTime granted_before);
  Task<> tell_all(std::string key, Decision decision);
  Task<> tell(std::size_t worker, std::string key, Decision decision);

  Workers& workers_;
  db::Database& database_;
  Options options_;
  const Clock& clock_;
  std::vector<std::unique_ptr<Shard>> shards_;
  const std::unique_ptr<GrantCounts> counts_ = std::make_unique<GrantCounts>();
};

}  // namespace hubcache::access
