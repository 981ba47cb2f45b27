#include "hubcache/app/rotate_key.h"

#include "hubcache/app/instance.h"
#include "hubcache/app/key_file.h"
#include "hubcache/base/clock.h"
#include "hubcache/base/error.h"
#include "hubcache/db/connection.h"
#include "hubcache/db/migration.h"
#include "hubcache/db/secrets.h"
#include "hubcache/pulp/pulp.h"
#include "hubcache/store/data_dir.h"

namespace hubcache::app {
namespace {

/// In one transaction, which is on the disk when this returns.
std::size_t reseal_all(const std::filesystem::path& database, const db::SecretBox& secrets) {
  db::Connection sql(database, db::Connection::Access::kReadWrite);
  db::migrate(sql, all_migrations());
  sql.script("PRAGMA synchronous=FULL");
  db::Transaction transaction(sql, db::Transaction::Kind::kImmediate);
  const auto count = pulp::reseal(sql, secrets);
  transaction.commit();
  sql.script("PRAGMA wal_checkpoint(TRUNCATE)");
  return count;
}

}  // namespace

std::size_t rotate_key(const Config& config) {
  const std::filesystem::path data_dir = config.storage.data_dir;
  if (data_dir.empty() || !std::filesystem::exists(store::DataDir::database_in(data_dir))) {
    throw Error(Error::Kind::kNotFound,
                "there is no hubcache data in \"" + data_dir.string() + "\": set --data-dir");
  }
  auto opened = store::DataDir::open(data_dir);
  const auto file = key_file(config, opened);
  require_key(config);
  const auto now = SystemClock().now();
  db::SecretBox::add_key(file, now);
  const auto count = reseal_all(opened.database(), db::SecretBox::load(file));
  db::SecretBox::drop_old_keys(file, now);
  opened.leave();
  return count;
}

}  // namespace hubcache::app
