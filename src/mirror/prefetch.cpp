#include "hubcache/mirror/prefetch.h"

#include <algorithm>
#include <array>
#include <utility>

#include <boost/asio/co_spawn.hpp>
#include <nlohmann/json.hpp>

#include "hubcache/access/caller.h"
#include "hubcache/base/error.h"
#include "hubcache/base/joined.h"

#include "files_at.h"

namespace hubcache::mirror {
namespace {

using Json = nlohmann::ordered_json;
using Files = std::vector<catalog::KeptEntry>;

constexpr std::array kMigrations{
    db::Migration{.number = 700,
                  .name = "mirror: commits that were prefetched",
                  .sql = "CREATE TABLE prefetches (key TEXT PRIMARY KEY, task TEXT NOT NULL) "
                         "STRICT, WITHOUT ROWID;"}};
constexpr std::size_t kRemembered = 10'000;  // commits, a worker
constexpr const char* kLock = "pdrn:01900000-0000-7000-8000-000000000000:prefetch";

tasks::Report files_report(std::int64_t total, std::int64_t done) {
  return {.code = "prefetch.files", .message = "Fetch files", .total = total, .done = done};
}

tasks::Report bytes_report(std::int64_t total, std::int64_t done) {
  return {.code = "prefetch.bytes", .message = "Bytes of them", .total = total, .done = done};
}

std::int64_t size_of(const Files& files) {
  std::int64_t size = 0;
  for (const auto& file : files) size += static_cast<std::int64_t>(file.size);
  return size;
}

}  // namespace

std::span<const db::Migration> migrations() { return kMigrations; }

std::string Prefetch::Wanted::key() const {
  return joined({scope, "\n", repo.key(), "\n", commit});
}

Prefetch::Prefetch(Services services, Fetch fetch, Options options)
    : services_(services), fetch_(std::move(fetch)), options_(options), stamps_(services.clock) {
  for (std::size_t i = 0; i < services.workers.size(); ++i) {
    looked_.push_back(std::make_unique<Lru<WallTime>>(kRemembered));
  }
}

void Prefetch::want(const hub::Endpoint& endpoint, const hub::RepoId& repo,
                    const std::string& commit) {
  Wanted wanted{
      .remote = endpoint.remote, .scope = endpoint.scope(), .repo = repo, .commit = commit};
  auto& looked = *looked_[services_.workers.current()];
  const auto now = services_.clock.now();
  auto key = wanted.key();
  const auto* last = looked.find(key);
  if (last != nullptr && now - *last < options_.look_again) return;
  looked.put(std::move(key), now);
  asio::co_spawn(services_.workers.executor(services_.workers.current()),
                 record(shared_from_this(), std::move(wanted)), [](const std::exception_ptr&) {});
}

Task<> Prefetch::record(std::shared_ptr<Prefetch> self, Wanted wanted) {
  const auto stamp = self->stamps_.next();
  tasks::Record task{
      .id = stamp.id, .name = kTask, .created = stamp.micros, .updated = stamp.micros};
  task.locks = {kLock};
  task.arguments = text_of(wanted);
  auto keep = [task, key = wanted.key()](db::Connection& sql) {
    const bool is_first =
        sql.run("INSERT OR IGNORE INTO prefetches (key, task) VALUES (?1, ?2)", key, task.id) > 0;
    if (is_first) tasks::insert(sql, task);
    return is_first;
  };
  try {
    if (co_await self->services_.database.write(std::move(keep))) self->services_.tasks.wake();
  } catch (const std::exception& failure) {
    self->services_.log.error("a prefetch cannot be recorded",
                              {{"reason", Error::from(failure).what()}});
  }
}

std::string Prefetch::text_of(const Wanted& wanted) {
  return Json{{"remote", wanted.remote},
              {"scope", wanted.scope},
              {"type", static_cast<int>(wanted.repo.type)},
              {"repo", wanted.repo.name},
              {"commit", wanted.commit}}
      .dump();
}

Prefetch::Wanted Prefetch::read(const std::string& arguments) {
  const auto values = Json::parse(arguments);
  return {.remote = values.at("remote"),
          .scope = values.at("scope"),
          .repo = {.type = static_cast<hub::RepoType>(values.at("type").get<int>()),
                   .name = values.at("repo")},
          .commit = values.at("commit")};
}

// A commit that could not be prefetched may be tried again when it is read again.
Task<> Prefetch::run(tasks::Run& run) {
  const auto wanted = read(run.arguments());
  try {
    co_await fetch_all(wanted, run);
  } catch (const Error&) {
    services_.database.write_soon([key = wanted.key()](db::Connection& sql) {
      sql.run("DELETE FROM prefetches WHERE key = ?1", key);
    });
    throw;
  }
}

Task<> Prefetch::fetch_all(Wanted wanted, tasks::Run& run) {
  const auto snapshot = services_.registry.current(services_.workers.current());
  const auto* remote = snapshot->remote(wanted.remote);
  const bool is_wanted = remote != nullptr && remote->policy == registry::Policy::kImmediate &&
                         remote->endpoint->scope() == wanted.scope;
  if (!is_wanted) co_return;  // the remote is another one by now

  const auto credential = access::credential_for(*remote->endpoint, access::Caller{}, {});
  auto files = co_await manifest_of(remote->endpoint, credential, wanted);
  std::erase_if(files, [&](const catalog::KeptEntry& file) {
    const hub::FileRef which{.repo = wanted.repo, .revision = wanted.commit, .path = file.path};
    return !may_be_read(*snapshot, *remote->endpoint, which, file.size);
  });
  co_await require_room(files);
  const auto bytes = size_of(files);
  std::int64_t done = 0;
  std::int64_t fetched = 0;
  for (const auto& file : files) {
    run.report(files_report(static_cast<std::int64_t>(files.size()), done));
    run.report(bytes_report(bytes, fetched));
    hub::FileRef which{.repo = wanted.repo, .revision = wanted.commit, .path = file.path};
    if (!co_await fetch_(remote->endpoint, credential, std::move(which))) {
      throw Error(Error::Kind::kNoSpace, "there is no room for " + file.path);
    }
    ++done;
    fetched += static_cast<std::int64_t>(file.size);
  }
  run.report(files_report(static_cast<std::int64_t>(files.size()), done));
  run.report(bytes_report(bytes, fetched));
}

Task<bool> Prefetch::refetch(catalog::KeptEntry entry) {
  const auto snapshot = services_.registry.current(services_.workers.current());
  const auto* remote = snapshot->remote(entry.scope.substr(0, entry.scope.find('/')));
  if (remote == nullptr || remote->endpoint->scope() != entry.scope) co_return false;
  const auto credential = access::credential_for(*remote->endpoint, access::Caller{}, {});
  hub::FileRef which{.repo = entry.repo, .revision = entry.commit, .path = entry.path};
  if (!may_be_read(*snapshot, *remote->endpoint, which, entry.size)) co_return false;
  try {
    if (!co_await fetch_(remote->endpoint, credential, std::move(which))) co_return false;
    co_await services_.fills.wait_end(remote->endpoint->origin_key(), entry.digest);
    co_return co_await services_.store.contains(entry.digest);
  } catch (const Error& error) {
    services_.log.warn("a lost file cannot be fetched anew",
                       {{"digest", entry.digest.text()}, {"reason", error.what()}});
  }
  co_return false;
}

/// Is there a distribution of the remote whose rules let anybody read the file?
bool Prefetch::may_be_read(const registry::Snapshot& snapshot, const hub::Endpoint& endpoint,
                           const hub::FileRef& file, std::uint64_t size) const {
  return std::ranges::any_of(snapshot.distributions(), [&](const auto& distribution) {
    return distribution.remote == endpoint.remote &&
           services_.rules.of(distribution.name).admits(file, size);
  });
}

Task<Files> Prefetch::manifest_of(hub::EndpointPtr endpoint, hub::Credential credential,
                                  Wanted wanted) {
  const auto right =
      co_await services_.access.right_of_repo(endpoint, credential, wanted.repo, services_.flights);
  if (right.refused()) {
    throw Error(Error::Kind::kForbidden, "The Hub lets the remote not read " + wanted.repo.name +
                                             ": " + right.refusal.message);
  }
  auto tree = catalog::Manifests::tree_at(endpoint, credential, wanted.repo, wanted.commit,
                                          right.document_class());
  co_return co_await files_at(services_.database, services_.manifests, services_.flights,
                              std::move(tree));
}

/// Nothing is evicted for what nobody has asked for yet.
Task<> Prefetch::require_room(const Files& files) {
  const auto whole = static_cast<std::uint64_t>(size_of(files));
  if (whole > options_.max_size) {
    throw Error(Error::Kind::kNoSpace, "the files have " + std::to_string(whole) +
                                           " bytes, more than [cache] prefetch_max_size allows");
  }
  const auto limit = services_.store.options().max_size;
  if (limit == 0) co_return;
  std::uint64_t missing = 0;
  for (const auto& file : files) {
    if (!co_await services_.store.contains(file.digest)) missing += file.size;
  }
  if (services_.store.used() + missing > limit) {
    throw Error(Error::Kind::kNoSpace,
                "there is no room for " + std::to_string(missing) +
                    " bytes, and nothing is evicted for files that nobody read");
  }
}

}  // namespace hubcache::mirror
