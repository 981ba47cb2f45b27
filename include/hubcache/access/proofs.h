#pragma once

#include <chrono>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "hubcache/base/clock.h"
#include "hubcache/base/digest.h"
#include "hubcache/base/lru.h"
#include "hubcache/base/workers.h"
#include "hubcache/db/database.h"
#include "hubcache/db/migration.h"

namespace hubcache::access {

std::span<const db::Migration> proof_migrations();

/// Which repo has shown, through the Hub, that it has the bytes of which blob, and which hub has
/// delivered that blob whole (SECURITY 8). Callable from any worker; what is proven is remembered
/// on each.
class Proofs {
 public:
  Proofs(Workers& workers, db::Database& database, const Clock& clock);

  /// False: nothing is known, and a proof has to be made. Throws kUpstream when one failed less
  /// than a day ago.
  Task<bool> is_proven(std::string origin, std::string repo, Digest digest);
  /// Does this worker remember that it is proven?
  /// By the key that key_of() makes, and who asks again and again keeps.
  bool is_remembered(std::string_view key) const;
  static std::string key_of(std::string_view origin, std::string_view repo, const Digest& digest);
  /// Do the rows say that it is proven? For who reads more in that read. False says nothing:
  /// is_proven() has to be asked, which throws when a proof failed.
  static bool has_proof(db::Connection& sql, std::string_view key);
  /// Has this worker remember what has_proof() was true of.
  void remember(std::string key);
  Task<> record(std::string origin, std::string repo, Digest digest, bool proven);
  /// That each of these is proven; in one transaction.
  Task<> record_all(std::string origin, std::string repo, std::vector<Digest> digests);

  /// Has this hub delivered the blob whole? Only then will samples do as proof of its repos:
  /// another hub may be somebody's own, who knows most of a private file.
  Task<bool> is_of_origin(std::string origin, Digest digest);
  /// It has, and through `repo` alone unless that is empty.
  Task<> record_whole(std::string origin, std::string repo, Digest digest);

 private:
  Task<> keep(std::vector<std::string> keys, bool proven);

  Workers& workers_;
  db::Database& database_;
  const Clock& clock_;
  std::vector<std::unique_ptr<Lru<bool>>> proven_;  // by worker
};

}  // namespace hubcache::access
