#include "hubcache/mirror/orphans.h"

#include <map>
#include <set>
#include <span>

#include <gtest/gtest.h>

#include "hubcache/base/error.h"
#include "hubcache/catalog/catalog.h"
#include "hubcache/catalog/entries.h"
#include "hubcache/registry/load.h"

#include "support/clock.h"
#include "support/run.h"

namespace hubcache::mirror {
namespace {

using std::chrono::minutes;

std::vector<db::Migration> steps() {
  std::vector<db::Migration> all;
  for (const auto part :
       {store::migrations(), registry::migrations(), catalog::catalog_migrations()}) {
    all.insert(all.end(), part.begin(), part.end());
  }
  return all;
}

class Reports final : public tasks::Run {
 public:
  const std::string& arguments() const override { return nothing_; }
  void report(tasks::Report report) override { last[report.code] = std::move(report); }

  std::map<std::string, tasks::Report> last;

 private:
  std::string nothing_;
};

/// A remote "r" at epoch 2, and blobs that entries name by what is in them.
class OrphansTest : public ::testing::Test {
 protected:
  OrphansTest() {
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
  void clean_up(OrphanRules rules = {.protection = minutes(0)}) {
    runner.run(clean_up_orphans(database, store, clock, std::move(rules), run));
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

TEST_F(OrphansTest, WhatAnEntryNamesStays) {
  put("named");
  enter("r/2", "named");
  put("orphan");
  clean_up();
  EXPECT_TRUE(is_stored("named"));
  EXPECT_FALSE(is_stored("orphan"));
  EXPECT_EQ(run.last["clean-up.artifacts"].total, 1);
  EXPECT_EQ(run.last["clean-up.artifacts"].done, 1);
  EXPECT_EQ(count("manifests"), 1);
}

TEST_F(OrphansTest, WhatIsPinnedStays) {
  put("orphan");
  runner.run(store.pin(digest_of("orphan"), "operator"));
  clean_up();
  EXPECT_TRUE(is_stored("orphan"));
  runner.run(store.unpin(digest_of("orphan"), "operator"));
  clean_up();
  EXPECT_FALSE(is_stored("orphan"));
}

TEST_F(OrphansTest, BlobsThatWereUsedWithinTheProtectionTimeStay) {
  put("orphan");
  clock.advance(minutes(59));
  clean_up({.protection = minutes(60)});
  EXPECT_TRUE(is_stored("orphan"));
  clock.advance(minutes(2));
  clean_up({.protection = minutes(60)});
  EXPECT_FALSE(is_stored("orphan"));
}

TEST_F(OrphansTest, WhatIsKnownOfRemotesThatAreGoneOrChangedGoes) {
  for (const auto& [scope, text] : std::map<std::string, std::string>{
           {"r/1", "before"}, {"gone/1", "elsewhere"}, {"r/2", "now"}, {"r/20", "like it"}}) {
    put(text);
    enter(scope, text);
  }
  clean_up();
  EXPECT_EQ(run.last["clean-up.content"].done, 3);
  EXPECT_EQ(count("entries"), 1);
  EXPECT_EQ(count("manifests"), 1);
  EXPECT_TRUE(is_stored("now"));
  EXPECT_FALSE(is_stored("before"));
  EXPECT_FALSE(is_stored("elsewhere"));
}

TEST_F(OrphansTest, ContentThatIsNamedGoesAloneAndItsManifestWithIt) {
  put("one");
  put("two");
  put("nobody's");
  enter("gone/1", "nobody's");
  const auto one = enter("r/2", "one");
  enter("r/2", "two");
  clean_up({.protection = minutes(0), .entries = {one}});
  EXPECT_EQ(run.last["clean-up.content"].done, 1);
  EXPECT_FALSE(is_stored("one"));
  EXPECT_TRUE(is_stored("two"));
  EXPECT_TRUE(is_stored("nobody's"));
  EXPECT_EQ(count("manifests"), 1);  // without one of its entries it would be wrong
}

TEST_F(OrphansTest, ContentThatIsNamedIsProtectedTooWhileItIsUsed) {
  put("one");
  const auto one = enter("r/2", "one");
  clean_up({.protection = minutes(60), .entries = {one}});
  EXPECT_EQ(run.last["clean-up.content"].done, 0);
  EXPECT_TRUE(is_stored("one"));
}

TEST_F(OrphansTest, ProtectionTimeThatNoCalendarHasIsRefused) {
  EXPECT_EQ(test::kind_thrown_by([this] { clean_up({.protection = minutes(4'294'967'295)}); }),
            Error::Kind::kBadRequest);
  clean_up({.protection = minutes(4'000'000)});
}

}  // namespace
}  // namespace hubcache::mirror
