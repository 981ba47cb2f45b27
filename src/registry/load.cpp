#include "hubcache/registry/load.h"

#include <algorithm>
#include <limits>
#include <set>
#include <utility>

#include <nlohmann/json.hpp>

#include "hubcache/base/error.h"
#include "hubcache/registry/endpoint.h"

namespace hubcache::registry {
namespace {

using Json = nlohmann::ordered_json;

constexpr db::Migration kMigrations[] = {{.number = 200, .name = "registry: resources", .sql = R"(
CREATE TABLE resources (
  id TEXT PRIMARY KEY,
  kind TEXT NOT NULL,
  name TEXT NOT NULL,
  created INTEGER NOT NULL,
  updated INTEGER NOT NULL,
  epoch INTEGER NOT NULL DEFAULT 1,
  doc TEXT NOT NULL,
  UNIQUE (kind, name)
) STRICT, WITHOUT ROWID;
CREATE TABLE registry_state (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  version INTEGER NOT NULL,
  root TEXT
) STRICT;
INSERT INTO registry_state (one, version, root) VALUES (1, 1, NULL);
)"},
                                         {.number = 201, .name = "registry: changes", .sql = R"(
CREATE INDEX resources_by_time ON resources (kind, created, id);
CREATE TABLE resource_changes (id TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;
CREATE TRIGGER resource_inserted AFTER INSERT ON resources
  BEGIN INSERT OR IGNORE INTO resource_changes (id) VALUES (new.id); END;
CREATE TRIGGER resource_updated AFTER UPDATE ON resources
  BEGIN INSERT OR IGNORE INTO resource_changes (id) VALUES (new.id); END;
CREATE TRIGGER resource_deleted AFTER DELETE ON resources
  BEGIN INSERT OR IGNORE INTO resource_changes (id) VALUES (old.id); END;
)"}};

constexpr std::size_t kMostOneByOne = 500;  // rows; of more, reading all is as quick

/// The document with its sealed values in clear. A sealed value is `{"$sealed": text}`, the text
/// being the value's JSON.
Json open_document(const std::string& id, const std::string& text, const db::SecretBox& secrets) {
  auto document = Json::parse(text);
  for (const auto& [field, value] : document.items()) {
    if (!value.is_object() || !value.contains("$sealed")) continue;
    const auto sealed = value.at("$sealed").get<std::string>();
    value = Json::parse(secrets.open(sealed, {.table = "resources", .row = id, .field = field}));
  }
  return document;
}

Policy policy_of(const Json& document) {
  const auto policy = document.value("policy", "on_demand");
  if (policy == "immediate") return Policy::kImmediate;
  return policy == "streamed" ? Policy::kStreamed : Policy::kOnDemand;
}

int rate_limit_of(const Json& document) {
  const auto found = document.find("rate_limit");
  if (found == document.end() || !found->is_number_integer()) return 0;
  return static_cast<int>(
      std::clamp<std::int64_t>(found->get<std::int64_t>(), 0, std::numeric_limits<int>::max()));
}

std::optional<std::string> reference(const Json& document, const char* field) {
  const auto found = document.find(field);
  if (found == document.end() || !found->is_string()) return std::nullopt;
  return found->get<std::string>();
}

std::string text(const Json& document, const char* field) {
  return reference(document, field).value_or("");
}

Guard guard_of(std::string id, std::string name, std::string_view kind, const Json& document) {
  Guard guard{.id = std::move(id), .name = std::move(name)};
  if (kind == kRbacGuardKind) {
    guard.kind = Guard::Kind::kRbac;
    guard.accounts = document.value("downloaders", guard.accounts);
  } else if (kind == kHeaderGuardKind) {
    guard.kind = Guard::Kind::kHeader;
    guard.header_name = text(document, "header_name");
    guard.header_value = text(document, "header_value");
    guard.jq_filter = text(document, "jq_filter");
  } else if (kind == kRedirectGuardKind) {
    guard.kind = Guard::Kind::kRedirect;
    guard.secret = text(document, "secret");
  } else {
    guard.guards = document.value("guards", guard.guards);
  }
  return guard;
}

/// What rows of `resources` say.
struct Things {
  std::vector<Remote> remotes;
  std::vector<Distribution> distributions;
  std::vector<Guard> guards;
};

/// Of a row of another kind: nothing. `row`: id, kind, name, epoch, doc.
void read_row(const db::Statement& row, const db::SecretBox& secrets, bool offline, Things& into) {
  auto id = row.text(0);
  const auto kind = row.text(1);
  const bool is_guard = kind.starts_with(kGuardKind);
  if (kind != kRemoteKind && kind != kDistributionKind && !is_guard) return;
  auto name = row.text(2);
  const auto document = open_document(id, row.text(4), secrets);
  if (kind == kRemoteKind) {
    const auto epoch = static_cast<std::uint64_t>(row.integer(3));
    auto endpoint = make_endpoint(id, epoch, document, offline);
    into.remotes.push_back({.id = std::move(id),
                            .name = std::move(name),
                            .policy = policy_of(document),
                            .endpoint = std::move(endpoint),
                            .rate_limit = rate_limit_of(document)});
  } else if (kind == kDistributionKind) {
    into.distributions.push_back({.id = std::move(id),
                                  .name = std::move(name),
                                  .base_path = document.value("base_path", ""),
                                  .remote = reference(document, "remote"),
                                  .content_guard = reference(document, "content_guard"),
                                  .hidden = document.value("hidden", false)});
  } else {
    into.guards.push_back(guard_of(std::move(id), std::move(name), kind, document));
  }
}

struct State {
  std::uint64_t version = 0;
  std::optional<std::string> root;
};
State state_of(db::Connection& sql) {
  auto state = sql.query("SELECT version, root FROM registry_state");
  if (!state.step()) throw Error(Error::Kind::kCorrupt, "the registry has no state row");
  return {.version = static_cast<std::uint64_t>(state.integer(0)), .root = state.optional_text(1)};
}

}  // namespace

std::span<const db::Migration> migrations() { return kMigrations; }

std::shared_ptr<const Snapshot> load(db::Connection& sql, const db::SecretBox& secrets,
                                     bool offline) {
  Things all;
  auto rows = sql.query(
      "SELECT id, kind, name, epoch, doc FROM resources WHERE kind IN ('remote', 'distribution') "
      "OR kind LIKE 'contentguard.%'");
  while (rows.step()) read_row(rows, secrets, offline, all);
  const auto state = state_of(sql);
  return std::make_shared<const Snapshot>(state.version, std::move(all.remotes),
                                          std::move(all.distributions), state.root,
                                          std::move(all.guards));
}

std::shared_ptr<const Snapshot> load_changes(db::Connection& sql, const db::SecretBox& secrets,
                                             const Snapshot& before, bool offline) {
  const auto state = state_of(sql);
  std::set<std::string> changed;  // an id may have come and gone
  auto ids = sql.query("SELECT id FROM resource_changes");
  while (ids.step()) changed.insert(ids.text(0));
  sql.run("DELETE FROM resource_changes");
  // Another version means that a change was made that `before` knows nothing of, or was undone.
  const bool is_next = state.version == before.version() + 1;
  if (!is_next || changed.size() > kMostOneByOne) return load(sql, secrets, offline);
  Things now;
  for (const auto& id : changed) {
    auto row = sql.query("SELECT id, kind, name, epoch, doc FROM resources WHERE id = ?1", id);
    if (row.step()) read_row(row, secrets, offline, now);
  }
  return before.with(state.version, changed, std::move(now.remotes), std::move(now.distributions),
                     state.root, std::move(now.guards));
}

void touch(db::Connection& sql) { sql.run("UPDATE registry_state SET version = version + 1"); }

void set_root(db::Connection& sql, std::string_view distribution_id) {
  sql.run("UPDATE registry_state SET root = ?1, version = version + 1", distribution_id);
}

}  // namespace hubcache::registry
