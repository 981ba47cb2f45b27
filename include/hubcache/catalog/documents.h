#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "hubcache/base/clock.h"
#include "hubcache/base/workers.h"
#include "hubcache/db/database.h"
#include "hubcache/db/migration.h"
#include "hubcache/hub/probe.h"

namespace hubcache::catalog {

std::span<const db::Migration> document_migrations();

/// An API answer of the Hub, as it sent it.
struct Document : hub::DocumentAnswer {
  bool stale = false;  // past its time, and the Hub could not be asked
};

/// Cached API answers: at a commit id for ever, else for a time, longer when the Hub cannot be
/// asked. Only a 200 is kept. Callable from any worker.
class Documents {
 public:
  struct Options {
    std::chrono::milliseconds ttl{std::chrono::minutes(1)};
  };
  Documents(db::Database& database, Options options, const Clock& clock);

  /// `target` is the raw path and query below the hub's base; `kind` the class of callers that may
  /// share the answer: "public", "granted" or "refused" (access::Right::document_class()). For the
  /// first and the last a caller's own token is not used. What is not 200 is a value.
  Task<Document> get(hub::EndpointPtr endpoint, hub::Credential credential, hub::RepoId repo,
                     std::string target, std::string_view kind, bool at_commit,
                     hub::Flights& flights);

 private:
  struct Row {
    Document document;
    WallTime at{};
  };
  Task<std::optional<Row>> recall(std::string key);
  void keep(std::string key, const hub::DocumentAnswer& answer);

  db::Database& database_;
  Options options_;
  const Clock& clock_;
};

}  // namespace hubcache::catalog
