#pragma once

#include <memory>
#include <span>
#include <string_view>

#include "hubcache/db/connection.h"
#include "hubcache/db/migration.h"
#include "hubcache/db/secrets.h"
#include "hubcache/registry/registry.h"

namespace hubcache::registry {

/// Kinds of rows in the table `resources`.
inline constexpr std::string_view kRemoteKind = "remote";
inline constexpr std::string_view kDistributionKind = "distribution";
inline constexpr std::string_view kGuardKind = "contentguard";  // the family of those below
inline constexpr std::string_view kRbacGuardKind = "contentguard.rbac";
inline constexpr std::string_view kHeaderGuardKind = "contentguard.header";
inline constexpr std::string_view kRedirectGuardKind = "contentguard.content_redirect";
inline constexpr std::string_view kCompositeGuardKind = "contentguard.composite";

/// The hub of a remote that names none.
inline constexpr std::string_view kDefaultHub = "https://huggingface.co";

/// The tables `resources` (what REST clients write, one JSON document a row) and `registry_state`.
std::span<const db::Migration> migrations();

/// Reads the whole registry. In the transaction that changed it, so that versions follow the order
/// of changes. `offline`: no remote's hub may be asked.
std::shared_ptr<const Snapshot> load(db::Connection& sql, const db::SecretBox& secrets,
                                     bool offline = false);
/// The same at the cost of what has changed since `before` was loaded, after one touch(). Whatever
/// writes to the table is noticed; when `before` is not the state right before, all is read.
std::shared_ptr<const Snapshot> load_changes(db::Connection& sql, const db::SecretBox& secrets,
                                             const Snapshot& before, bool offline = false);
/// Says in the same transaction that the registry changed: the next load() has a higher version.
void touch(db::Connection& sql);
/// Which distribution answers below the origin root.
void set_root(db::Connection& sql, std::string_view distribution_id);

}  // namespace hubcache::registry
