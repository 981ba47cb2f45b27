#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "hubcache/base/clock.h"
#include "hubcache/base/digest.h"
#include "hubcache/base/lru.h"
#include "hubcache/base/workers.h"
#include "hubcache/catalog/manifests.h"
#include "hubcache/db/database.h"
#include "hubcache/db/migration.h"
#include "hubcache/hub/probe.h"

namespace hubcache::catalog {

std::span<const db::Migration> catalog_migrations();

/// What a revision stands for.
struct Commit {
  std::string id;      // 40 hex
  bool stale = false;  // past its time, and the Hub could not be asked
};

/// A path at a commit.
struct Entry {
  std::string etag{};              // git oid or LFS sha256, unquoted
  std::optional<Digest> digest{};  // nullopt: unknown, so nothing is stored
  std::uint64_t size = 0;
  bool lfs = false;
  std::string xet{};  // of a LFS file: what Xet calls it (contract/xet.md)
  /// Of one without a digest, which nobody remembers: where its bytes are. Of others,
  /// Catalog::location_of() knows.
  std::string location{};
};
/// Null: the commit has no such path.
using EntryPtr = std::shared_ptr<const Entry>;

/// Revision -> commit and path -> entry, as the Hub gave them, each for one repo by its canonical
/// name (SECURITY 1): a probe is settled before, and what the Hub then redirects elsewhere is
/// kConflict. In front of the rows every worker remembers what it used; who asks has passed access.
/// Callable from any worker.
class Catalog {
 public:
  struct Options {
    std::chrono::milliseconds revision_ttl{std::chrono::minutes(1)};
    std::chrono::milliseconds commit_ttl{std::chrono::minutes(30)};  // as a repo is public
    std::chrono::milliseconds stale_commits{std::chrono::hours(24)};
    std::size_t remembered = 10'000;  // commits, and entries, a worker
    std::size_t locations = 1'000;    // signed URLs, a worker
  };
  Catalog(Workers& workers, db::Database& database, Manifests& manifests, Options options,
          const Clock& clock);

  /// The commit of the probe's revision. A name counts for its time, longer when the Hub cannot be
  /// asked, and so does that there is none, which is thrown as the Hub's 404. A commit id does not
  /// change, but the repo may be another one by now, that took the name: so the Hub has to confirm
  /// it from time to time.
  Task<Commit> commit(hub::Probe& probe);
  /// The same as this worker remembers it, in its time; nullopt says nothing.
  std::optional<Commit> commit_at_once(const hub::Probe& probe);
  /// Called with an entry that is read from the database, in the same read and on its thread.
  using Also = std::function<void(db::Connection&, const Entry&)>;
  /// The probe's path at that commit; null when the commit has no such path, which is remembered
  /// too. Whoever may read the whole repo (`kind`, as of a DocumentRequest) and asks for a path
  /// nobody has asked for has the commit's manifest read, for more will come. Throws when the Hub
  /// has to be asked and cannot, or refuses.
  /// `also`: what else to read; not called when the entry is remembered, absent, or told by the
  /// Hub.
  Task<EntryPtr> entry(hub::Probe& probe, Commit commit, std::string_view kind,
                       hub::Flights& flights, Also also = {});
  /// The same as this worker remembers it; null says nothing.
  EntryPtr entry_at_once(const hub::Probe& probe, const Commit& commit);
  /// The same two for who asks for one file again and again.
  struct Keys {
    std::string revision;  // its name; the two below are keys of the memory
    std::string commit;    // that it stands for
    std::string folder;    // of entries at that commit: with a path behind it, an entry's
    bool operator==(const Keys&) const = default;
  };
  static Keys keys_of(const hub::Endpoint& endpoint, const hub::RepoId& repo,
                      const std::string& revision, const std::string& commit);
  /// Does the revision stand for that commit, as this worker remembers, in its time?
  bool is_at(const Keys& keys, std::string_view commit);
  /// nullopt says nothing; null: there is no such path. Good until this worker learns of another
  /// entry.
  std::optional<const Entry*> entry_at_once(std::string_view key);
  /// Where the bytes of an entry that has a digest were found, signed and perhaps for a short time;
  /// empty: not known. The file's revision is the commit's id. In memory only, never stored.
  std::string location_of(const hub::Endpoint& endpoint, const hub::FileRef& file);

  /// The path of a LFS file that Xet calls `xet` at that commit, which the repo has; nullopt: there
  /// is none, or the commit's manifest, which is read for it, could not be. `kind` as of entry().
  Task<std::optional<std::string>> path_of_xet(hub::EndpointPtr endpoint,
                                               hub::Credential credential, hub::RepoId repo,
                                               std::string commit, std::string xet,
                                               std::string_view kind, hub::Flights& flights);

  /// Has the Hub confirmed lately that the repo has this commit?
  Task<bool> confirms(hub::EndpointPtr endpoint, hub::RepoId repo, std::string commit);
  /// A document said what the revision stands for.
  Task<> learn_commit(hub::EndpointPtr endpoint, hub::RepoId repo, std::string revision,
                      std::string commit);

 private:
  struct KnownCommit {
    bool known = false;
    std::string id{};  // empty: there is no such revision
    WallTime at{};
    WallTime used{};  // when that was noted in the row last
  };
  struct KnownEntry {
    bool known = false;
    EntryPtr entry{};
  };
  struct Shard {
    explicit Shard(const Options& options)
        : commits(options.remembered),
          entries(options.remembered),
          locations(options.locations),
          xet_paths(options.locations) {}
    Lru<KnownCommit> commits;
    Lru<KnownEntry> entries;
    Lru<std::string> locations;  // by the key of the entry; apart, for they are long
    Lru<std::string> xet_paths;  // by the key of the commit, and what Xet calls the file there
  };

  Shard& here() { return *shards_[workers_.current()]; }
  KnownCommit* fresh_commit(const std::string& key, const std::string& revision);
  static Commit commit_in(KnownCommit known, const std::string& revision, bool stale);
  bool fresh(const KnownCommit& commit, std::chrono::milliseconds ttl) const;
  std::chrono::milliseconds ttl_of(const KnownCommit& commit, const std::string& revision) const;
  void note_use(const std::string& key, KnownCommit& known);
  Task<KnownCommit> recall_commit(std::string key);
  Task<KnownEntry> recall_entry(std::string commit, std::string path, Also also);
  void keep_row(std::string key, std::string commit);
  void keep_commit(const hub::Endpoint& endpoint, const hub::RepoId& repo,
                   const std::string& revision, const std::string& commit);
  static Task<std::shared_ptr<const hub::FileAnswer>> ask_at(hub::Probe& probe, Commit commit,
                                                             hub::Flights& flights);
  template <typename Change>
  void on_each_worker(const Change& change);
  EntryPtr keep_entry(const std::string& commit, const std::string& path,
                      const hub::FileAnswer& answer);
  Task<std::optional<std::string>> recall_xet_path(std::string commit, std::string xet);

  Workers& workers_;
  db::Database& database_;
  Manifests& manifests_;
  Options options_;
  const Clock& clock_;
  std::vector<std::shared_ptr<Shard>> shards_;  // by worker; shared with what is on its way there
};

}  // namespace hubcache::catalog
