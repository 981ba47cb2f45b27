#pragma once

#include <filesystem>
#include <fstream>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "hubcache/access/proofs.h"
#include "hubcache/catalog/catalog.h"
#include "hubcache/catalog/named_blobs.h"
#include "hubcache/registry/load.h"
#include "hubcache/store/store.h"
#include "hubcache/tasks/queue.h"

#include "support/clock.h"
#include "support/run.h"

namespace hubcache::mirror {

inline std::vector<db::Migration> steps() {
  std::vector<db::Migration> all;
  for (const auto part :
       {store::migrations(), registry::migrations(), catalog::catalog_migrations(),
        catalog::named_blob_migrations(), access::proof_migrations()}) {
    all.insert(all.end(), part.begin(), part.end());
  }
  return all;
}

class Reports final : public tasks::Run {
 public:
  const std::string& arguments() const override { return nothing_; }
  void report(tasks::Report report) override { last[report.code] = std::move(report); }

  std::map<std::string, tasks::Report> last;
  std::int64_t done(const std::string& code) const { return last.at(code).done; }

 private:
  std::string nothing_;
};

/// A remote "r" at epoch 2, and blobs that entries name by what is in them.
class MirrorTest : public ::testing::Test {
 protected:
  MirrorTest() {
    std::filesystem::create_directory(dir / "data");
    store.recover();
    database.write_now([](db::Connection& sql) {
      sql.run(
          "INSERT INTO resources (id, kind, name, created, updated, epoch, doc) "
          "VALUES ('r', 'remote', 'r', 0, 0, 2, '{}')");
    });
  }

  static Digest digest_of(std::string_view text) {
    Hasher hasher(Digest::Algorithm::kSha256, text.size());
    hasher.update(std::as_bytes(std::span(text)));
    return hasher.finish();
  }
  void put(std::string_view text) {
    auto staging = runner.run(store.stage(
        {.digest = digest_of(text), .size = text.size(), .origin = "o", .via = "model/a"}));
    runner.run(staging->write(0, std::as_bytes(std::span(text))));
    runner.run(staging->verify());
    runner.run(staging->seal());
  }
  /// A file of that content, and the manifest of its commit.
  std::string enter(const std::string& scope, std::string_view text) {
    const auto commit = scope + "\nmodel/a\n" + std::string(40, 'c');
    auto key = commit + "\n" + std::string(text);
    database.write_now([&](db::Connection& sql) {
      sql.run("INSERT OR REPLACE INTO manifests (key) VALUES (?1)", commit);
      sql.run(
          "INSERT INTO entries (key, present, etag, digest, size, lfs) VALUES (?1, 1, ?2, 1, 1, 1)",
          key, digest_of(text).hex());
    });
    return key;
  }
  std::filesystem::path file_of(std::string_view text) const {
    const auto hex = digest_of(text).hex();
    return dir / "data" / "blobs" / "sha256" / hex.substr(0, 2) / hex.substr(2);
  }
  /// Other bytes, as many of them.
  void damage(std::string_view text) const {
    const auto file = file_of(text);
    std::filesystem::permissions(file, std::filesystem::perms::owner_all);
    std::ofstream(file, std::ios::binary) << std::string(text.size(), '?');
  }
  bool is_stored(std::string_view text) { return runner.run(store.contains(digest_of(text))); }
  std::int64_t count(const std::string& table) {
    return database.read_now([&](db::Connection& sql) {
      auto rows = sql.query("SELECT count(*) FROM " + table);
      rows.step();
      return rows.integer(0);
    });
  }

  test::TempDir dir;
  test::Runner runner;
  test::FakeClock clock;
  obs::Log log{obs::Options{.level = obs::Level::kOff}};
  store::PosixDisk disk;
  Pool pool{"disk", 2};
  db::Database database{{.file = dir / "test.db"}, steps(), log};
  store::Store store{{.data_dir = dir / "data", .min_free = 0},
                     disk,
                     database,
                     pool,
                     runner.executor(),
                     clock,
                     log};
  Reports run;
};

}  // namespace hubcache::mirror
