#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "hubcache/access/accounts.h"
#include "hubcache/base/clock.h"
#include "hubcache/mirror/repair.h"
#include "hubcache/obs/log.h"
#include "hubcache/registry/registry.h"
#include "hubcache/rest/api.h"
#include "hubcache/store/store.h"
#include "hubcache/tasks/queue.h"

namespace hubcache::pulp {

struct Options {
  rest::Options rest;
  std::string content_prefix = "/pulp/content/";
  std::filesystem::path data_dir;  // whose file system `status/` reports
  bool offline = false;            // no remote's hub may be asked
};

/// What the API works with; app keeps all of it alive.
struct Services {
  db::Database& database;
  const db::SecretBox& secrets;
  registry::Registry& registry;
  access::Accounts& accounts;
  tasks::Queue& tasks;
  const Clock& clock;
  obs::Log& log;
};

/// The table of what was set up at the first start; after those of tasks.
std::span<const db::Migration> migrations();

/// At start, before the registry is loaded. With a new database: a remote `huggingface` and a
/// distribution `hf` of it, which is also the root distribution; what is deleted later stays
/// deleted. `upstream`, when given, becomes the hub of that remote at each start. Blocks.
/// Throws kBadRequest for an upstream that is no http(s) URL.
void bootstrap(db::Database& database, const db::SecretBox& secrets, const Clock& clock,
               const std::optional<std::string>& upstream);

/// Seals all that is sealed in the database anew, with the newest of the keys; says how many
/// secrets those were. Throws kCorrupt for what none of the keys sealed.
std::size_t reseal(db::Connection& sql, const db::SecretBox& secrets);

/// What the tasks of the API work on.
struct Upkeep {
  db::Database& database;
  store::Store& store;
  const Clock& clock;
  mirror::RepairParts repair;
};
/// Tells the queue how to do the tasks that the API records.
void define_tasks(tasks::Queue& queue, const Upkeep& with);

/// The management API with the resources and routes of Pulp's Hugging Face plugin.
std::unique_ptr<rest::Api> make_api(Services services, Options options);

}  // namespace hubcache::pulp
