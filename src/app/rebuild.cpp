#include "hubcache/app/rebuild.h"

#include <array>
#include <string_view>
#include <vector>

#include "hubcache/app/instance.h"
#include "hubcache/base/clock.h"
#include "hubcache/base/error.h"
#include "hubcache/db/connection.h"
#include "hubcache/db/migration.h"
#include "hubcache/store/data_dir.h"
#include "hubcache/store/disk.h"
#include "hubcache/store/rebuild.h"

namespace hubcache::app {
namespace {

using Path = std::filesystem::path;

constexpr std::array<std::string_view, 3> kEndings{"-wal", "-shm", ""};  // the database itself last

Path with(const Path& file, std::string_view ending) { return file.string() + std::string(ending); }

/// Tables whose rows are taken over.
std::vector<std::string> tables_in(db::Connection& sql) {
  std::vector<std::string> names;
  auto row = sql.query(
      "SELECT name FROM main.sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND "
      "name NOT IN ('migrations', 'blobs', 'fills', 'grants', 'proofs')");
  while (row.step()) names.push_back(row.text(0));
  return names;
}

std::string columns_of(db::Connection& sql, const std::string& table) {
  std::string columns;
  auto row = sql.query("SELECT name FROM pragma_table_info(?1)", table);
  while (row.step()) columns += (columns.empty() ? "" : ", ") + row.text(0);
  return columns;
}

bool take_over(db::Connection& sql, const std::string& table) {
  const auto columns = columns_of(sql, table);
  try {
    sql.script("INSERT OR REPLACE INTO main." + table + " (" + columns + ") SELECT " + columns +
               " FROM old." + table);
    return true;
  } catch (const Error& error) {
    if (error.kind() == Error::Kind::kNoSpace) throw;
    return false;
  }
}

/// The tables that could not be read.
std::vector<std::string> take_over_all(db::Connection& sql, const Path& old) {
  auto tables = tables_in(sql);
  try {
    sql.run("ATTACH ?1 AS old", old.string());
  } catch (const Error&) {
    return tables;
  }
  sql.script("PRAGMA foreign_keys=OFF");
  std::erase_if(tables, [&](const auto& table) { return take_over(sql, table); });
  return tables;
}

void remove_database(const Path& file) {
  store::PosixDisk disk;
  for (const auto ending : kEndings) disk.remove(with(file, ending));
}

/// A link, so that there is a database at every moment.
void keep(const Path& old, const Path& kept) {
  remove_database(kept);
  store::PosixDisk disk;
  std::filesystem::create_hard_link(old, kept);
  for (const auto* const ending : {"-wal", "-shm"}) {
    if (std::filesystem::exists(with(old, ending))) {
      disk.rename(with(old, ending), with(kept, ending));
    }
  }
}

}  // namespace

Rebuilt rebuild_database(const Path& data_dir) {
  if (data_dir.empty() || !std::filesystem::exists(data_dir / "blobs")) {
    throw Error(Error::Kind::kNotFound,
                "there is no hubcache data in \"" + data_dir.string() + "\": set --data-dir");
  }
  auto opened = store::DataDir::open(data_dir);
  const auto old = opened.database();
  const Path fresh = with(old, ".new");
  const bool had_one = std::filesystem::exists(old);
  store::PosixDisk disk;
  Rebuilt result;
  remove_database(fresh);
  {
    db::Connection sql(fresh, db::Connection::Access::kReadWrite);
    db::migrate(sql, all_migrations());
    if (had_one) result.lost = take_over_all(sql, old);
    db::Transaction transaction(sql, db::Transaction::Kind::kImmediate);
    result.blobs = store::index_blobs(disk, opened.path(), sql, SystemClock().now());
    transaction.commit();
    sql.script("PRAGMA main.wal_checkpoint(TRUNCATE)");
  }
  if (had_one) {
    result.kept_as = with(old, ".damaged");
    keep(old, result.kept_as);
  }
  disk.rename(fresh, old);
  disk.sync_directory(opened.path());
  opened.leave();
  return result;
}

}  // namespace hubcache::app
