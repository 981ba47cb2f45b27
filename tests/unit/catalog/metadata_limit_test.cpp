#include "hubcache/catalog/metadata_limit.h"

#include "hubcache/access/grants.h"
#include "hubcache/catalog/catalog.h"
#include "hubcache/catalog/entries.h"
#include "hubcache/catalog/named_blobs.h"

#include "unit/catalog/fixture.h"

namespace hubcache::catalog {
namespace {

using namespace std::chrono_literals;
using hubsim::Fault;

class MetadataLimitTest : public test::KnowledgeFixture {
 protected:
  MetadataLimitTest()
      : KnowledgeFixture({catalog_migrations(), document_migrations(), named_blob_migrations(),
                          access::grant_migrations()}) {}
  ~MetadataLimitTest() override { runner.stop(); }

  /// Commit and document number `i`, used at that time.
  void add(int i) {
    database->write_now([i](db::Connection& sql) {
      const auto commit = key_of(i);
      sql.run("INSERT INTO commits (key, id, at, used) VALUES (?1, ?2, 0, ?3)", commit,
              commit.substr(commit.size() - 40), 2 * i);
      sql.run("INSERT INTO manifests (key) VALUES (?1)", commit);
      for (int entry = 0; entry < 1'500; ++entry) {
        sql.run(
            "INSERT INTO entries (key, present, etag, digest, size, lfs) "
            "VALUES (?1, 1, 'e', 0, 1, 0)",
            commit + "\n" + std::string(100, 'p') + std::to_string(entry));
      }
      sql.run(
          "INSERT INTO documents (key, at, status, code, message, content_type, etag, link, "
          "revision, total_count, body, used) "
          "VALUES (?1, 0, 200, '', '', '', '', '', '', '', ?2, ?3)",
          commit, std::string(100'000, 'b'), 2 * i + 1);
    });
  }
  static std::string key_of(int i) {
    return "r/1\nmodel/a\n" + std::string(39, 'c') + std::to_string(i);
  }
  std::int64_t count(const std::string& what) {
    return database->read_now([&](db::Connection& sql) {
      auto rows = sql.query("SELECT count(*) FROM " + what);
      rows.step();
      return rows.integer(0);
    });
  }
  std::uint64_t size() {
    return database->read_now([](db::Connection& sql) {
      auto pages = sql.query(
          "SELECT (SELECT page_count FROM pragma_page_count) - "
          "(SELECT freelist_count FROM pragma_freelist_count)");
      pages.step();
      auto bytes = sql.query("PRAGMA page_size");
      bytes.step();
      return static_cast<std::uint64_t>(pages.integer(0) * bytes.integer(0));
    });
  }
  std::uint64_t trim(std::uint64_t most) {
    auto others = [this, most] { return rights.trim(most / 20); };
    return runner.run(trim_metadata(*database, most, std::move(others)));
  }
  /// As if the Hub had been asked for that many repos that it does not have.
  void refuse(int repos) {
    database->write_now([repos, now = time.now().time_since_epoch().count()](db::Connection& sql) {
      constexpr auto kSet =
          "INSERT INTO grants (key, verdict, at, status, code, message, canonical) "
          "VALUES (?1, ?2, ?3, 0, '', '', '')";
      for (int i = 0; i < repos; ++i) {
        const auto repo = "r/1\nmodel/" + std::string(80, 'm') + std::to_string(i);
        sql.run(kSet, repo + "\n*\n", 0, now);
        sql.run(kSet, repo + "\nanonymous\n", 2, now);
      }
    });
  }

  /// As a request does it, by a worker that remembers nothing.
  EntryPtr find(hub::FileRef what) {
    auto ask = [](Catalog& all, hub::Flights& calls, hub::EndpointPtr place,
                  hub::FileRef at) -> Task<EntryPtr> {
      hub::Probe probe(calls, std::move(place), anonymous(), std::move(at));
      const auto commit = co_await all.commit(probe);
      co_return co_await all.entry(probe, commit, "public", calls);
    };
    settle();
    Catalog catalog(runner.workers(), *database, manifests, {}, time);
    auto entry = runner.run(ask(catalog, *flights, endpoint(), std::move(what)));
    settle();
    return entry;
  }
  void read_tree(Manifests& by) {
    const auto repo = model("org/model");
    auto tree = Manifests::tree_at(endpoint(), anonymous(), repo, sim.sha("org/model"), "public");
    runner.run(by.read(std::move(tree), *flights));
  }
  /// Its first page is read, the next is held back.
  void begin_to_read_a_manifest() {
    auto behaviour = sim.behaviour();
    behaviour.tree_page = 3;
    sim.set_behaviour(behaviour);
    sim.set_fault({.kind = Fault::Kind::kHold, .match = "cursor="});
    find(file("org/model", "model.safetensors"));
    find(file("org/model", "config.json"));  // goes on after the first page
  }

  access::Access rights{runner.workers(), *database, {}, time};
  Documents documents{runner.workers(), *database, {}, time};
  Manifests manifests{runner.workers(), *database, documents, {.patience = 60s}, time, log};
};

TEST_F(MetadataLimitTest, WhatWasUsedLongestAgoGoesFirst) {
  for (int i = 0; i < 8; ++i) add(i);
  const auto whole = size();
  EXPECT_EQ(trim(whole), 0U);
  EXPECT_EQ(count("entries"), 8 * 1'500);
  const auto most = whole / 2;
  EXPECT_GT(trim(most), 0U);
  EXPECT_LE(size(), most);
  EXPECT_GT(size(), most / 2);  // no more than needed
  const auto commits = count("commits");
  const auto documents_left = count("documents");
  ASSERT_GT(commits, 0);
  ASSERT_LT(commits, 8);
  EXPECT_EQ(count("commits WHERE used >= " + std::to_string(2 * (8 - commits))), commits);
  EXPECT_LE(std::abs(commits - documents_left), 1);
  EXPECT_EQ(count("documents WHERE used >= " + std::to_string(2 * (8 - documents_left))),
            documents_left);
  EXPECT_GE(count("entries"), count("manifests") * 1'500);
  EXPECT_EQ(trim(most), 0U);
}

TEST_F(MetadataLimitTest, EverythingMayGoAndItEndsThere) {
  for (int i = 0; i < 2; ++i) add(i);
  database->write_now([](db::Connection& sql) { sql.run("DELETE FROM commits"); });
  trim(1);
  for (const auto* table : {"commits", "entries", "manifests", "documents"}) {
    EXPECT_EQ(count(table), 0) << table;
  }
}

TEST_F(MetadataLimitTest, QuestionsForMadeUpReposPushNothingOut) {
  for (int i = 0; i < 4; ++i) add(i);
  const auto most = size() * 5 / 4;
  refuse(20'000);
  ASSERT_GT(size(), 2 * most);
  EXPECT_EQ(trim(most), 0U);
  EXPECT_EQ(count("grants"), 40'000);  // a yes on its way must find them
  time.advance(12min);
  EXPECT_EQ(trim(most), 0U);
  EXPECT_EQ(count("grants"), 0);
  EXPECT_EQ(count("entries"), 4 * 1'500);
  EXPECT_LE(size(), most);
}

TEST_F(MetadataLimitTest, WhatWentIsAskedForAgain) {
  const auto weights = file("org/model", "model.safetensors");
  const auto before = find(weights);
  ASSERT_TRUE(before);
  find(file("org/model", "config.json"));  // a second file has the manifest read
  EXPECT_GT(count("manifests"), 0);
  sim.clear_log();
  EXPECT_TRUE(find(weights));
  EXPECT_EQ(asked(), 0U);
  trim(1);
  EXPECT_EQ(count("entries"), 0);
  const auto after = find(weights);
  ASSERT_TRUE(after);
  EXPECT_EQ(after->etag, before->etag);
  EXPECT_GT(asked(), 0U);
}

TEST_F(MetadataLimitTest, AUseKeepsACommit) {
  const auto weights = file("org/model", "model.safetensors", sim.sha("org/model"));
  find(weights);
  time.advance(10min);
  database->write_now([now = time.now()](db::Connection& sql) {
    sql.run("INSERT INTO commits (key, id, at, used) VALUES ('r/1\nmodel/b\nmain', '', 0, ?1)",
            now.time_since_epoch().count());
  });
  const std::string used = "commits WHERE used > (SELECT used FROM commits WHERE id = '')";
  EXPECT_EQ(count(used), 0);
  time.advance(10min);
  find(weights);
  EXPECT_EQ(count(used), 0);  // an hour more or less does not matter
  database->write_now(
      [](db::Connection& sql) { sql.run("UPDATE commits SET used = 0 WHERE id <> ''"); });
  find(weights);
  EXPECT_EQ(count(used), 1);
}

constexpr std::int64_t kFilesOfModel = 8;

TEST_F(MetadataLimitTest, AWalkMakesRoomBeforeItWrites) {
  for (int i = 0; i < 8; ++i) add(i);
  const auto most = size() / 2;
  auto make_room = [&] {
    return make_metadata_room(
        *database, most, [this, most] { return rights.trim(most / 20); }, log);
  };
  Manifests careful{runner.workers(),
                    *database,
                    documents,
                    {.max_metadata = most, .make_room = make_room},
                    time,
                    log};
  read_tree(careful);
  EXPECT_EQ(count("manifests WHERE key LIKE '%org/model%'"), 1);
  EXPECT_EQ(count("entries WHERE key LIKE '%org/model%'"), kFilesOfModel);
  EXPECT_LE(size(), most);
}

TEST_F(MetadataLimitTest, AWalkEndsWhereNothingGivesWay) {
  int asked_for_room = 0;
  auto make_room = [&]() -> Task<bool> {
    ++asked_for_room;
    co_return false;
  };
  Manifests careful{runner.workers(),
                    *database,
                    documents,
                    {.max_metadata = 1, .make_room = make_room},
                    time,
                    log};
  const auto error = test::error_of([&] { read_tree(careful); });
  EXPECT_EQ(error.kind(), Error::Kind::kNoSpace);
  EXPECT_EQ(asked_for_room, 1);
  EXPECT_EQ(count("entries"), 0);
  EXPECT_TRUE(find(file("org/model", "config.json")));
}

TEST_F(MetadataLimitTest, AWalkHasRoomMadeOnAFullDiskBeforeItWrites) {
  bool is_full = true;
  int asked_for_room = 0;
  auto make_room = [&]() -> Task<bool> {
    ++asked_for_room;
    is_full = asked_for_room == 1;
    co_return true;
  };
  Manifests careful{runner.workers(),
                    *database,
                    documents,
                    {.disk_is_full = [&is_full] { return is_full; }, .make_room = make_room},
                    time,
                    log};
  const auto error = test::error_of([&] { read_tree(careful); });
  EXPECT_EQ(error.kind(), Error::Kind::kNoSpace);
  EXPECT_EQ(count("entries"), 0);
  read_tree(careful);
  EXPECT_EQ(asked_for_room, 2);
  EXPECT_EQ(count("entries"), kFilesOfModel);
}

// As one that a client lists by its id.
TEST_F(MetadataLimitTest, ACommitThatNothingElseIsKnownOfGoesInItsTurn) {
  read_tree(manifests);
  ASSERT_EQ(count("entries"), kFilesOfModel);
  for (int i = 0; i < 4; ++i) add(i);
  database->write_now([now = time.now().time_since_epoch().count()](db::Connection& sql) {
    sql.run("UPDATE commits SET used = used + ?1 WHERE key LIKE 'r/1_model/a%'", now + 1);
    sql.run("UPDATE documents SET used = used + ?1 WHERE key LIKE 'r/1_model/a%'", now + 1);
  });
  EXPECT_GT(trim(size() - 1), 0U);
  EXPECT_EQ(count("entries WHERE key LIKE '%org/model%'"), 0);
  EXPECT_GT(count("entries"), 0);
}

TEST_F(MetadataLimitTest, AManifestThatLosesOneEntryWhileItIsReadIsNotWhole) {
  begin_to_read_a_manifest();
  ASSERT_EQ(count("manifest_walks"), 1);
  const bool removed = database->write_now([](db::Connection& sql) {
    std::string key;
    if (auto row = sql.query("SELECT key FROM entries LIMIT 1"); row.step()) key = row.text(0);
    return remove_entry(sql, key);
  });
  ASSERT_TRUE(removed);
  sim.release();
  while (count("entries") < kFilesOfModel - 1) settle();
  for (int i = 0; i < 5; ++i) settle();
  EXPECT_EQ(count("manifests"), 0);
}

TEST_F(MetadataLimitTest, AManifestThatLosesEntriesWhileItIsReadIsNotWhole) {
  begin_to_read_a_manifest();
  ASSERT_EQ(count("manifest_walks"), 1);
  trim(1);
  sim.release();
  while (count("entries") < 5) settle();  // what the other pages have
  for (int i = 0; i < 3; ++i) settle();
  EXPECT_EQ(count("manifests"), 0);
}

}  // namespace
}  // namespace hubcache::catalog
