#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "hubcache/base/clock.h"
#include "hubcache/base/lru.h"
#include "hubcache/base/workers.h"
#include "hubcache/catalog/documents.h"
#include "hubcache/catalog/metadata_limit.h"
#include "hubcache/db/database.h"
#include "hubcache/hub/probe.h"
#include "hubcache/obs/log.h"

namespace hubcache::catalog {

/// Walks the Hub's tree of a commit, once, so that all its entries are rows and what has no row is
/// known to be absent (SECURITY 13). Nothing is learned from the pages that clients list: only a
/// walk of our own, from the root to the last page, is a manifest. Callable from any worker.
///
/// Whoever removes rows of entries has to forget_manifest() before (catalog/entries.h).
class Manifests {
 public:
  struct Options {
    std::chrono::milliseconds patience{5'000};  // a request waits that long for a walk
    std::size_t max_pages = 1'000;              // of a commit that a client lists
    std::size_t max_pages_unlisted = 10;        // of one that nobody asked for in whole
    std::chrono::minutes retry_after{10};  // for a commit that could not be walked, but for a limit
    /// Of a tree, as the Hub sends it. With the rows that are made of it, it takes about three
    /// times as much. What is larger is not tried again.
    std::uint64_t max_bytes = 512ULL << 20U;
    /// Of the database: a page that it has no room for (has_room()) waits for `make_room`, once.
    std::uint64_t max_metadata = std::numeric_limits<std::uint64_t>::max();
    DiskIsFull disk_is_full{};  // a page has to find free pages then, or waits in the same way
    std::function<Task<bool>()> make_room{};
  };
  /// The walks' own; they end before this goes.
  Manifests(Workers& workers, db::Database& database, Documents& documents, Options options,
            const Clock& clock, obs::Log& log);
  ~Manifests();

  /// The tree of which commit, and by whose right. `request.query` is not looked at.
  struct Wanted {
    DocumentRequest request;
    std::string commit;
  };
  /// `kind` as of a DocumentRequest.
  static Wanted tree_at(hub::EndpointPtr endpoint, hub::Credential credential,
                        const hub::RepoId& repo, std::string commit, std::string_view kind);
  /// Walks the commit, or joins who does. Returns when that is done, when it will take more than a
  /// page, or when it failed: who waits asks the Hub for its path, then.
  Task<> walk(Wanted wanted, hub::Flights& flights);
  /// Walks all of the commit, however many pages it has, and throws what stops that. What another
  /// walk has asked for just now is not asked for again.
  Task<> read(Wanted wanted, hub::Flights& flights);
  /// A client lists the whole tree and will want its files: walks it without making anyone wait,
  /// from the page the client has, when its query lists what a walk needs.
  void follow(Wanted wanted, std::string target, std::shared_ptr<const Document> first,
              hub::Flights& flights);

 private:
  struct Walk;
  struct Shard;
  struct Start {
    std::string target;
    std::shared_ptr<const Document> first;  // null: to be asked for
    std::size_t max_pages = 0;
  };

  Task<> join(std::size_t home, std::string key, Wanted wanted, Start start, hub::Flights& flights,
              bool wait);
  Task<> run(std::size_t home, std::string key, std::shared_ptr<Walk> walk, Wanted wanted,
             Start start, hub::Flights& flights);
  Task<std::int64_t> write(const std::string& key, std::shared_ptr<const Document> page,
                           bool first);
  Task<> read_pages(const std::string& key, Walk& walk, Wanted wanted, Start start,
                    hub::Flights& flights);

  Workers& workers_;
  db::Database& database_;
  Documents& documents_;
  Options options_;
  const Clock& clock_;
  obs::Log& log_;
  std::vector<std::unique_ptr<Shard>> shards_;  // by worker
};

/// Rows of a commit begin with this key; its manifest's row is called so. The row of a revision,
/// its name in place of the commit, too.
std::string commit_key(const hub::Endpoint& endpoint, const hub::RepoId& repo,
                       std::string_view commit);

}  // namespace hubcache::catalog
