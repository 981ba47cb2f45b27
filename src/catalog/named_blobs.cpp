#include "hubcache/catalog/named_blobs.h"

#include <array>
#include <utility>

#include <boost/asio/post.hpp>

#include "hubcache/base/error.h"
#include "hubcache/base/http_status.h"
#include "hubcache/base/joined.h"
#include "hubcache/hub/refusal.h"
#include "hubcache/hub/urls.h"

#include "hub_answers.h"

namespace hubcache::catalog {
namespace {

using std::chrono::milliseconds;

constexpr std::array kNamedBlobMigrations{
    db::Migration{.number = 320,
                  .name = "catalog: blobs that repos have by digest alone",
                  .sql = "CREATE TABLE named_blobs (key TEXT PRIMARY KEY, digest TEXT NOT NULL, "
                         "size INTEGER NOT NULL, at INTEGER NOT NULL) STRICT, WITHOUT ROWID;"}};

std::string key_of(const hub::Endpoint& endpoint, const hub::FileRef& file) {
  return joined({endpoint.scope(), "\n", file.repo.key(), "\n", hub::resolve_path(file)});
}

/// "sha256:DIGEST" of either door's path.
std::string digest_text(const hub::FileRef& file) {
  return file.path.substr(0, file.path.find('/'));
}

}  // namespace

std::span<const db::Migration> named_blob_migrations() { return kNamedBlobMigrations; }

NamedBlobs::NamedBlobs(Workers& workers, db::Database& database, Options options,
                       const Clock& clock)
    : workers_(workers), database_(database), options_(options), clock_(clock) {
  for (std::size_t i = 0; i < workers.size(); ++i) {
    shards_.push_back(std::make_shared<Shard>(options_));
  }
}

Task<std::optional<NamedBlob>> NamedBlobs::get(hub::Probe& probe) {
  const auto key = key_of(*probe.endpoint(), probe.file());
  const auto known = co_await recall(key);
  if (fresh(known, options_.ttl)) co_return blob_of(key, known, false);
  const bool usable = fresh(known, options_.ttl + options_.stale);
  const auto answer = co_await head_unless_usable(probe, usable);
  if (!answer) co_return blob_of(key, known, true);
  if (answer->status == http_status::kNotFound) co_return std::nullopt;
  if (!answer->found()) {
    throw hub::refusal_of(answer->status, answer->error_code, answer->error_message, {});
  }
  require_same_repo(*answer, probe.file().repo);
  NamedBlob blob{.size = answer->size, .location = answer->location};
  learn(*probe.endpoint(), probe.file(), blob);
  co_return blob;
}

void NamedBlobs::learn(const hub::Endpoint& endpoint, const hub::FileRef& file, NamedBlob blob) {
  auto key = key_of(endpoint, file);
  const Known known{.known = true, .size = blob.size, .at = clock_.now()};
  const auto put = [key, known, location = std::move(blob.location)](Shard& shard) {
    shard.blobs.put(key, known);
    if (!location.empty()) shard.locations.put(key, location);
  };
  for (std::size_t worker = 0; worker < workers_.size(); ++worker) {
    if (worker == workers_.current()) {
      put(*shards_[worker]);
    } else {
      asio::post(workers_.executor(worker), [shard = shards_[worker], put] { put(*shard); });
    }
  }
  auto change = [key = std::move(key), digest = digest_text(file), known](db::Connection& sql) {
    sql.run("INSERT OR REPLACE INTO named_blobs (key, digest, size, at) VALUES (?1, ?2, ?3, ?4)",
            key, digest, static_cast<std::int64_t>(known.size),
            known.at.time_since_epoch().count());
  };
  database_.write_soon(std::move(change));
}

bool NamedBlobs::fresh(const Known& known, milliseconds ttl) const {
  const auto now = clock_.now();
  return known.known && known.at <= now && now - known.at < ttl;
}

Task<NamedBlobs::Known> NamedBlobs::recall(std::string key) {
  if (const auto* remembered = here().blobs.find(key)) co_return *remembered;
  auto query = [key](db::Connection& sql) {
    Known known;
    auto rows = sql.query("SELECT size, at FROM named_blobs WHERE key = ?1", key);
    if (rows.step()) {
      known = {.known = true,
               .size = static_cast<std::uint64_t>(rows.integer(0)),
               .at = WallTime(milliseconds(rows.integer(1)))};
    }
    return known;
  };
  auto known = co_await database_.read(std::move(query));
  // This worker may have learned a newer one meanwhile.
  if (const auto* newer = here().blobs.find(key)) co_return *newer;
  if (known.known) here().blobs.put(std::move(key), known);
  co_return known;
}

NamedBlob NamedBlobs::blob_of(const std::string& key, const Known& known, bool stale) {
  NamedBlob blob{.size = known.size, .stale = stale};
  if (const auto* location = here().locations.find(key)) blob.location = *location;
  return blob;
}

}  // namespace hubcache::catalog
