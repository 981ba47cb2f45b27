#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "hubcache/access/accounts.h"
#include "hubcache/access/budgets.h"
#include "hubcache/access/grants.h"
#include "hubcache/access/guards.h"
#include "hubcache/access/proofs.h"
#include "hubcache/base/memory_room.h"
#include "hubcache/base/workers.h"
#include "hubcache/catalog/catalog.h"
#include "hubcache/catalog/documents.h"
#include "hubcache/catalog/imported.h"
#include "hubcache/catalog/manifests.h"
#include "hubcache/catalog/named_blobs.h"
#include "hubcache/fill/fills.h"
#include "hubcache/http/public_name.h"
#include "hubcache/hub/probe.h"
#include "hubcache/registry/registry.h"
#include "hubcache/registry/rules.h"
#include "hubcache/store/store.h"
#include "hubcache/xet/tokens.h"

namespace hubcache::content {

class StoredFiles;

struct Options {
  http::PublicName public_name;
  std::string token_key;                    // for the keyed hash that stands for a caller's token
  std::string instance_id;                  // what our own requests carry in Via
  const xet::Tokens* xet_tokens = nullptr;  // null: Xet is off
  std::vector<std::string> allowed_origins{};  // of pages that may read with a caller's right
};

/// What the routes of one worker work with; app keeps all of it alive.
struct Services {
  std::size_t worker;
  registry::Registry& registry;
  const registry::RuleBook& rules;
  access::Access& access;
  access::Guards& guards;
  access::Accounts& accounts;
  access::Budgets& budgets;
  access::Proofs& proofs;
  catalog::Catalog& catalog;
  catalog::Documents& documents;
  catalog::Imported& imported;
  catalog::Manifests& manifests;
  catalog::NamedBlobs& named;
  hub::Flights& flights;
  const std::vector<hub::Hub*>& hubs;  // by worker
  fill::Fills& fills;
  store::Store& store;
  store::OpenBlobs& blobs;                       // this worker's
  StoredFiles& stored_files;                     // of all workers
  Pool& pool;                                    // for work that would hold up the worker
  const std::shared_ptr<MemoryRoom>& text_room;  // for documents, in each form that is sent
  obs::Log& log;
  /// A repo that the remote's credentials or anybody may read is read at this commit, through a
  /// remote with policy `immediate`.
  std::function<void(const hub::Endpoint&, const hub::RepoId&, const std::string& commit)> prefetch;
};

/// Where a request goes: a distribution's remote, and what lies below its base_path.
struct Place {
  hub::EndpointPtr endpoint;
  hub::Credential credential;
  bool streamed = false;    // the remote's policy: nothing is stored...
  bool immediate = false;   // ...or all of a commit at once
  std::string own_base;     // the distribution's absolute URL, without a trailing slash
  bool xet = false;         // files are offered by Xet too
  std::string client{};     // its address, for its budget
  bool background = false;  // nobody waits for the answer
  registry::RulesOf rules{};
  std::uint64_t registry = 0;  // version of the snapshot that all this is from
  bool guarded = false;        // the distribution has a content guard
};

}  // namespace hubcache::content
