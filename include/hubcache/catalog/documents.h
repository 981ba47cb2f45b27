#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "hubcache/base/clock.h"
#include "hubcache/base/lru.h"
#include "hubcache/base/workers.h"
#include "hubcache/catalog/metadata_limit.h"
#include "hubcache/db/database.h"
#include "hubcache/db/migration.h"
#include "hubcache/hub/probe.h"

namespace hubcache::catalog {

std::span<const db::Migration> document_migrations();

/// An API answer of the Hub, as it sent it.
struct Document : hub::DocumentAnswer {
  bool stale = false;       // past its time, and the Hub could not be asked
  bool just_asked = false;  // this is what the Hub says now
};

/// A document in memory, or a form of it, with its share of the room. Throws kUnavailable
/// when that has none for it.
SharedText with_room(std::string text, const std::shared_ptr<MemoryRoom>& room);

/// The class of those who may not read the repo: what they are shown of it tells nothing more.
inline constexpr std::string_view kRefusedClass = "refused";

/// What a document is asked for, and for whom.
struct DocumentRequest {
  hub::EndpointPtr endpoint;
  hub::Credential credential;
  hub::RepoId repo;  // in the Hub's own spelling
  hub::DocumentQuery query;
  /// The class of callers that may share the answer: "public", "granted" or "refused"
  /// (access::Right::document_class()). For the first and the last a caller's own token is not
  /// used.
  std::string_view kind;
  bool at_commit = false;  // it will never change
  /// Called before the Hub is asked; when it throws, that is as if the Hub did.
  std::function<void()> before_asking{};
};

/// Cached API answers: at a commit id for ever, else for a time, longer when the Hub cannot be
/// asked. Kept is, of the very repo, a 200, and a 404 that says the path or the revision is absent.
/// Small ones stay in the memory of each worker that used them; the text of a large one is there
/// once for all who read it. Callable from any worker.
class Documents {
 public:
  struct Options {
    std::chrono::milliseconds ttl{std::chrono::minutes(1)};
    std::size_t remembered = 256;               // documents, a worker
    std::size_t remembered_size = 32UL * 1024;  // bytes of a document that is
    std::shared_ptr<MemoryRoom> room{};         // as of hub::Hub::Options
    /// Of the database: nothing is kept that it has no room for (has_room()), nor what would take
    /// more than a sixteenth of it.
    std::uint64_t max_metadata = std::numeric_limits<std::uint64_t>::max();
    DiskIsFull disk_is_full{};  // what is kept has to find free pages then
  };
  Documents(Workers& workers, db::Database& database, Options options, const Clock& clock);

  /// What is neither 200 nor kept is a value too. Throws kUpstream, kUpstreamTimeout and
  /// kTooManyRequests when the Hub has to be asked and cannot, kUnavailable when there is no room
  /// in memory.
  Task<std::shared_ptr<const Document>> get(DocumentRequest request, hub::Flights& flights);

 private:
  class Texts;
  struct Known {
    std::shared_ptr<const Document> document;
    WallTime at{};
    WallTime used{};  // when that was noted in the row last
  };
  bool fresh(const Known& known, bool at_commit) const;
  bool is_large(std::string_view body) const { return body.size() > options_.remembered_size; }
  Task<Known> recall(std::string key, bool at_commit);
  Task<> keep(std::string key, Known known);
  void remember(std::string key, Known known);
  void note_use(const std::string& key, Known& known);

  Workers& workers_;
  db::Database& database_;
  Options options_;
  const Clock& clock_;
  std::shared_ptr<Texts> large_;                     // that somebody holds
  std::vector<std::unique_ptr<Lru<Known>>> memory_;  // by worker
};

}  // namespace hubcache::catalog
