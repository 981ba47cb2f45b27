#include "hubcache/access/proofs.h"

#include <array>
#include <optional>
#include <utility>

#include "hubcache/base/error.h"
#include "hubcache/base/joined.h"
#include "hubcache/base/share.h"

namespace hubcache::access {
namespace {

constexpr std::size_t kRemembered = 20'000;  // on all workers
constexpr std::chrono::hours kRefusalTime{24};

constexpr std::array kProofMigrations{db::Migration{
    .number = 460,
    .name = "access: proofs",
    .sql = "CREATE TABLE proofs (key TEXT PRIMARY KEY, proven INTEGER NOT NULL, at INTEGER NOT "
           "NULL) STRICT, WITHOUT ROWID;"}};

struct Row {
  bool proven;
  WallTime at;
};
std::optional<Row> find_row(db::Connection& sql, std::string_view key) {
  auto rows = sql.query("SELECT proven, at FROM proofs WHERE key = ?1", key);
  if (!rows.step()) return std::nullopt;
  return Row{.proven = rows.boolean(0), .at = WallTime(std::chrono::milliseconds(rows.integer(1)))};
}

}  // namespace

std::span<const db::Migration> proof_migrations() { return kProofMigrations; }

Proofs::Proofs(Workers& workers, db::Database& database, const Clock& clock)
    : workers_(workers), database_(database), clock_(clock) {
  for (std::size_t i = 0; i < workers.size(); ++i) {
    proven_.push_back(std::make_unique<Lru<bool>>(share_of(kRemembered, workers.size())));
  }
}

Task<bool> Proofs::is_proven(std::string origin, std::string repo, Digest digest) {
  const std::string key = key_of(origin, repo, digest);
  auto& remembered = *proven_[workers_.current()];
  if (remembered.find(key) != nullptr) co_return true;
  auto query = [key](db::Connection& sql) { return find_row(sql, key); };
  const auto row = co_await database_.read(std::move(query));
  if (!row) co_return false;
  if (row->proven) {
    remembered.put(key, true);
    co_return true;
  }
  const auto now = clock_.now();
  if (row->at <= now && now - row->at < kRefusalTime) {
    throw Error(Error::Kind::kUpstream, "the Hub delivers other bytes than it names");
  }
  co_return false;
}

bool Proofs::has_proof(db::Connection& sql, std::string_view key) {
  const auto row = find_row(sql, key);
  return row && row->proven;
}

void Proofs::remember(std::string key) { proven_[workers_.current()]->put(std::move(key), true); }

bool Proofs::is_remembered(std::string_view key) const {
  return proven_[workers_.current()]->find(key) != nullptr;
}

std::string Proofs::key_of(std::string_view origin, std::string_view repo, const Digest& digest) {
  return joined({origin, "\n", repo, "\n", digest.algorithm_name(), ":", digest.hex()});
}

Task<> Proofs::record(std::string origin, std::string repo, Digest digest, bool proven) {
  co_await keep({key_of(origin, repo, digest)}, proven);
}

Task<> Proofs::record_all(std::string origin, std::string repo, std::vector<Digest> digests) {
  std::vector<std::string> keys;
  keys.reserve(digests.size());
  for (const auto& digest : digests) keys.push_back(key_of(origin, repo, digest));
  co_await keep(std::move(keys), true);
}

Task<bool> Proofs::is_of_origin(std::string origin, Digest digest) {
  co_return co_await is_proven(std::move(origin), {}, std::move(digest));  // no repo is called that
}

Task<> Proofs::record_whole(std::string origin, std::string repo, Digest digest) {
  std::vector<std::string> keys{key_of(origin, {}, digest)};
  if (!repo.empty()) keys.push_back(key_of(origin, repo, digest));
  co_await keep(std::move(keys), true);
}

Task<> Proofs::keep(std::vector<std::string> keys, bool proven) {
  if (proven && workers_.current() < proven_.size()) {
    for (const auto& key : keys) proven_[workers_.current()]->put(key, true);
  }
  auto change = [keys = std::move(keys), proven,
                 at = clock_.now().time_since_epoch().count()](db::Connection& sql) {
    for (const auto& key : keys) {
      sql.run("INSERT OR REPLACE INTO proofs (key, proven, at) VALUES (?1, ?2, ?3)", key, proven,
              at);
    }
  };
  try {
    co_await database_.write(std::move(change));
  } catch (const Error& error) {
    // What was proven is asked again one day; what was refused must not be.
    if (!proven || !is_of_disk(error.kind())) throw;
  }
}

}  // namespace hubcache::access
