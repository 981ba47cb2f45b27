#include "hubcache/catalog/manifests.h"

#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/detached.hpp>

#include "hubcache/base/error.h"
#include "hubcache/base/http_status.h"
#include "hubcache/base/joined.h"
#include "hubcache/base/task.h"
#include "hubcache/catalog/metadata_limit.h"
#include "hubcache/hub/paging.h"
#include "hubcache/hub/urls.h"

#include "put_file.h"
#include "tree_page.h"

namespace hubcache::catalog {
namespace {

constexpr std::size_t kRemembered = 1'000;
constexpr std::chrono::hours kLongestWalk{24};
constexpr std::string_view kQuery = "?recursive=true&expand=false";

std::string tree_of(const Manifests::Wanted& wanted) {
  return hub::tree_path({.repo = wanted.request.query.repo, .revision = wanted.commit, .path = {}});
}

/// Each reading of a manifest has a row, which goes when an entry of the commit does
/// (forget_manifest()). Its number is its time, or the next one: none comes twice, whatever went.
/// What was broken off leaves its row to the readings of a later day.
std::int64_t begin_walk(db::Connection& sql, const std::string& commit, WallTime now) {
  const auto at = now.time_since_epoch().count();
  // Entries go with the row of their commit, in its turn. This one confirms nothing, at its age.
  sql.run("INSERT OR IGNORE INTO commits (key, id, at, used) VALUES (?1, substr(?1, -40), 0, ?2)",
          commit, at);
  sql.run("DELETE FROM manifest_walks WHERE key = ?1 AND walk < ?2", commit,
          at - std::chrono::milliseconds(kLongestWalk).count());
  auto row = sql.query(
      "INSERT INTO manifest_walks (key, walk) SELECT ?1, max(coalesce(max(walk), 0) + 1, ?2) "
      "FROM manifest_walks WHERE key = ?1 RETURNING walk",
      commit, at);
  row.step();
  return row.integer(0);
}

/// False when an entry went meanwhile.
bool end_walk(db::Connection& sql, const std::string& commit, std::int64_t walk) {
  const auto ended =
      sql.run("DELETE FROM manifest_walks WHERE key = ?1 AND walk = ?2", commit, walk);
  if (ended == 0) return false;
  sql.run("INSERT OR REPLACE INTO manifests (key) VALUES (?1)", commit);
  return true;
}

void write_page(db::Connection& sql, const std::string& commit, const Document& page) {
  for (const auto& file : read_tree_page(page.body)) put_file(sql, commit, file);
}

}  // namespace

/// One walk under way. Who waits for it wakes when `patience` expires, which the walk may advance.
struct Manifests::Walk {
  explicit Walk(Executor home, std::chrono::milliseconds time) : patience(home, time) {}
  void wake() { patience.expires_at(Timer::time_point::min()); }
  Timer patience;
  bool too_large = false;  // for good: what is at a commit does not change
};

struct Manifests::Shard {
  std::unordered_map<std::string, std::shared_ptr<Walk>> walks;
  Lru<SteadyTime> ended{kRemembered};  // when a walk of that commit ended, however it did
};

std::string commit_key(const hub::Endpoint& endpoint, const hub::RepoId& repo,
                       std::string_view commit) {
  return joined({endpoint.scope(), "\n", hub::name_of(repo.type), "/", repo.name, "\n", commit});
}

Manifests::Manifests(Workers& workers, db::Database& database, Documents& documents,
                     Options options, const Clock& clock, obs::Log& log)
    : workers_(workers),
      database_(database),
      documents_(documents),
      options_(std::move(options)),
      clock_(clock),
      log_(log) {
  for (std::size_t i = 0; i < workers.size(); ++i) shards_.push_back(std::make_unique<Shard>());
}

Manifests::~Manifests() = default;

Manifests::Wanted Manifests::tree_at(hub::EndpointPtr endpoint, hub::Credential credential,
                                     const hub::RepoId& repo, std::string commit,
                                     std::string_view kind) {
  return {.request = {.endpoint = std::move(endpoint),
                      .credential = std::move(credential),
                      .repo = repo,
                      .query = {.repo = repo},
                      .kind = kind},
          .commit = std::move(commit)};
}

Task<> Manifests::walk(Wanted wanted, hub::Flights& flights) {
  auto key = commit_key(*wanted.request.endpoint, wanted.request.repo, wanted.commit);
  const auto home = workers_.home(std::hash<std::string>{}(key));
  Start start{.target = tree_of(wanted) + std::string(kQuery),
              .first = nullptr,
              .max_pages = options_.max_pages_unlisted};
  co_await on(workers_.executor(home),
              join(home, std::move(key), std::move(wanted), std::move(start), flights, true));
}

Task<> Manifests::read(Wanted wanted, hub::Flights& flights) {
  auto key = commit_key(*wanted.request.endpoint, wanted.request.repo, wanted.commit);
  Start start{.target = tree_of(wanted) + std::string(kQuery),
              .first = nullptr,
              .max_pages = options_.max_pages};
  const Executor here = co_await asio::this_coro::executor;
  Walk walk(here, options_.patience);  // that nobody waits for
  co_await read_pages(key, walk, std::move(wanted), std::move(start), flights);
}

void Manifests::follow(Wanted wanted, std::string target, std::shared_ptr<const Document> first,
                       hub::Flights& flights) {
  auto key = commit_key(*wanted.request.endpoint, wanted.request.repo, wanted.commit);
  const auto home = workers_.home(std::hash<std::string>{}(key));
  Start start{
      .target = std::move(target), .first = std::move(first), .max_pages = options_.max_pages};
  asio::co_spawn(workers_.executor(home),
                 join(home, std::move(key), std::move(wanted), std::move(start), flights, false),
                 asio::detached);
}

Task<> Manifests::join(std::size_t home, std::string key, Wanted wanted, Start start,
                       hub::Flights& flights, bool wait) {
  auto& shard = *shards_[home];
  const auto* ended = shard.ended.find(key);
  if (ended != nullptr && clock_.steady() - *ended < options_.retry_after) co_return;
  auto& slot = shard.walks[key];
  auto walk = slot;
  if (!walk) {
    walk = slot = std::make_shared<Walk>(workers_.executor(home), options_.patience);
    // On its own: the one who asked first may leave, the others still wait.
    asio::co_spawn(workers_.executor(home),
                   run(home, std::move(key), walk, std::move(wanted), std::move(start), flights),
                   asio::detached);
  }
  if (wait) co_await walk->patience.async_wait(asio::as_tuple(use_task));
}

Task<> Manifests::run(std::size_t home, std::string key, std::shared_ptr<Walk> walk, Wanted wanted,
                      Start start, hub::Flights& flights) {
  bool was_limited = false;
  try {
    co_await read_pages(key, *walk, std::move(wanted), std::move(start), flights);
  } catch (const std::exception& failure) {
    const auto error = Error::from(failure);
    was_limited = error.kind() == Error::Kind::kTooManyRequests;
    if (walk->too_large) {
      log_.warn("files of a commit are asked for one by one", {{"reason", error.what()}});
    } else {
      log_.debug("manifest not read", {{"message", error.what()}, {"context", error.context()}});
    }
  }
  shards_[home]->walks.erase(key);
  // A walk spares requests: as soon as the Hub takes some again, it is worth another try.
  const auto ended = walk->too_large ? SteadyTime::max() : clock_.steady();
  if (!was_limited) shards_[home]->ended.put(std::move(key), ended);
  walk->wake();
}

/// Of the page before the walk's number, if it is the first. Waits for room, as long as there is
/// something to give way.
Task<std::int64_t> Manifests::write(const std::string& key, std::shared_ptr<const Document> page,
                                    bool first) {
  auto change =
      [key, page = std::move(page), first, now = clock_.now(), most = options_.max_metadata,
       disk_is_full = options_.disk_is_full](db::Connection& sql) -> std::optional<std::int64_t> {
    if (!has_room(sql, most)) return std::nullopt;
    if (!has_pages(sql, disk_is_full, page->body.size())) return std::nullopt;
    const auto begun = first ? begin_walk(sql, key, now) : 0;
    write_page(sql, key, *page);
    return begun;
  };
  auto begun = co_await database_.write(change);
  if (!begun && options_.make_room && co_await options_.make_room()) {
    begun = co_await database_.write(change);
  }
  if (begun) co_return *begun;
  throw Error(Error::Kind::kNoSpace, "The catalog has no room for the manifest");
}

// The manifest's row is written last: as long as a page is missing, so is the proof of an absence.
Task<> Manifests::read_pages(const std::string& key, Walk& walk, Wanted wanted, Start start,
                             hub::Flights& flights) {
  const std::string path = tree_of(wanted);
  std::set<std::string> seen;
  std::int64_t number = 0;  // of this walk
  std::uint64_t bytes = 0;
  auto page = std::move(start.first);
  std::string target = std::move(start.target);
  while (true) {
    if (seen.size() == start.max_pages || !seen.insert(target).second) {
      throw Error(Error::Kind::kUpstream, "The Hub's tree has too many pages");
    }
    if (!page) {
      auto request = wanted.request;
      request.query = {.repo = wanted.request.query.repo, .target = target};
      request.at_commit = true;
      page = co_await documents_.get(std::move(request), flights);
    }
    if (page->status != http_status::kOk)
      throw Error(Error::Kind::kUpstream, "The Hub shows no tree");
    auto next = hub::next_target(page->link, wanted.request.endpoint->base);
    const bool first = seen.size() == 1;
    bytes += page->body.size();
    if (bytes > options_.max_bytes) {
      walk.too_large = true;
      throw Error(Error::Kind::kNoSpace, "The tree of " + wanted.request.repo.name + " at " +
                                             wanted.commit +
                                             " is larger than [storage] max_metadata allows: " +
                                             std::to_string(options_.max_bytes) + " bytes");
    }
    const auto begun = co_await write(key, page, first);
    if (first) number = begun;
    if (!next) break;
    if (next->substr(0, next->find('?')) != path) {
      throw Error(Error::Kind::kUpstream, "The Hub's tree goes on elsewhere");
    }
    walk.wake();
    target = *std::move(next);
    page.reset();
  }
  auto complete = [key, number](db::Connection& sql) { return end_walk(sql, key, number); };
  if (!co_await database_.write(std::move(complete))) {
    throw Error(Error::Kind::kNoSpace, "The catalog has no room for the manifest");
  }
}

}  // namespace hubcache::catalog
