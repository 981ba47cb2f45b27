#include "hubcache/registry/load.h"

#include <gtest/gtest.h>

#include "support/run.h"

namespace hubcache::registry {
namespace {

/// Rows as REST keeps them, and what is loaded of them.
class LoadTest : public testing::Test {
 protected:
  LoadTest() {
    db::migrate(sql, migrations());
    put("r1", kRemoteKind, R"({"url":"https://hub.example","policy":"streamed"})");
    put("r2", kRemoteKind, R"({"url":"https://hub.example","rate_limit":5})");
    put("d1", kDistributionKind, R"({"base_path":"one","remote":"r1"})");
    put("d2", kDistributionKind, R"({"base_path":"one/two","remote":"r2"})");
    put("g1", kHeaderGuardKind, R"({"header_name":"X"})");
    put("x1", "repository", R"({"base_path":"nothing"})");
    set_root(sql, "d1");
    before = load(sql, secrets);
  }

  void put(std::string_view id, std::string_view kind, std::string_view doc) {
    sql.run(
        "INSERT INTO resources (id, kind, name, created, updated, doc) "
        "VALUES (?1, ?2, ?1, 1, 1, ?3)",
        id, kind, doc);
  }
  void set(std::string_view id, std::string_view doc) {
    sql.run("UPDATE resources SET doc = ?2 WHERE id = ?1", id, doc);
  }
  void remove(std::string_view id) { sql.run("DELETE FROM resources WHERE id = ?1", id); }

  /// As REST does after a change: by what changed, which has to be what all of it says.
  std::shared_ptr<const Snapshot> after() {
    touch(sql);
    auto next = load_changes(sql, secrets, *before);
    EXPECT_EQ(told(*next), told(*load(sql, secrets)));
    return next;
  }
  static std::string told(const Snapshot& all) {
    std::string text = std::to_string(all.version()) + " ";
    for (const auto& one : all.distributions()) {
      const auto match = all.match(one.base_path);
      text += one.id + "=" + one.base_path + (match->distribution == &one ? " " : "? ");
      if (match->remote != nullptr) {
        text += match->remote->id + ":" + std::to_string(match->remote->rate_limit) + " ";
      }
    }
    for (const auto* id : {"r1", "r2", "r3"}) text += all.remote(id) != nullptr ? id : "-";
    for (const auto* id : {"g1", "g2"}) text += all.guard(id) != nullptr ? id : "-";
    return text + (all.root() ? all.root()->distribution->id : "");
  }

  test::TempDir dir;
  db::SecretBox secrets{std::string(32, 'k')};
  db::Connection sql{dir / "test.db", db::Connection::Access::kReadWrite, 1'000};
  std::shared_ptr<const Snapshot> before;
};

TEST_F(LoadTest, WhatChangedTakesItsPlaceAndAllElseIsShared) {
  before = after();  // what was there before the first change was noticed
  set("r2", R"({"url":"https://hub.example","rate_limit":7})");
  const auto next = after();
  EXPECT_EQ(next->remote("r2")->rate_limit, 7);
  EXPECT_EQ(before->remote("r2")->rate_limit, 5);
  EXPECT_EQ(next->remote("r1"), before->remote("r1"));
  EXPECT_EQ(next->guard("g1"), before->guard("g1"));
  EXPECT_EQ(&next->distributions().front(), &before->distributions().front());
}

TEST_F(LoadTest, AChangeOfOneDoesNotReadTheOthers) {
  before = after();
  sql.run("UPDATE resources SET doc = '{' WHERE id IN ('r2', 'd2', 'g1')");
  sql.run("DELETE FROM resource_changes");  // nobody is told of that
  set("r1", R"({"url":"https://hub.example","rate_limit":7})");
  touch(sql);
  const auto next = load_changes(sql, secrets, *before);
  EXPECT_EQ(next->remote("r1")->rate_limit, 7);
  EXPECT_EQ(next->remote("r2"), before->remote("r2"));
  EXPECT_THROW(load(sql, secrets), std::exception);
}

TEST_F(LoadTest, WhatIsNewComesInAndWhatIsGoneGoes) {
  put("r3", kRemoteKind, R"({"url":"https://hub.example","rate_limit":9})");
  put("d0", kDistributionKind, R"({"base_path":"zero","remote":"r3"})");
  put("g2", kRbacGuardKind, R"({"downloaders":[1]})");
  before = after();
  EXPECT_EQ(before->match("zero/x")->remote->rate_limit, 9);
  remove("r3");
  remove("d1");
  remove("g1");
  set("d0", R"({"base_path":"null","remote":null})");
  const auto next = after();
  EXPECT_FALSE(next->match("zero/x"));
  EXPECT_FALSE(next->root());
  EXPECT_EQ(next->guard("g1"), nullptr);
}

TEST_F(LoadTest, AChangeThatWasUndoneIsForgotten) {
  before = after();
  {
    db::Transaction transaction(sql, db::Transaction::Kind::kImmediate);
    remove("r1");
    touch(sql);
    before = load_changes(sql, secrets, *before);
    EXPECT_EQ(before->remote("r1"), nullptr);
  }
  set("r2", R"({"url":"https://hub.example","rate_limit":7})");
  const auto next = after();
  EXPECT_NE(next->remote("r1"), nullptr);
  EXPECT_EQ(next->remote("r2")->rate_limit, 7);
}

TEST_F(LoadTest, ManyChangesAtOnceAreAllThere) {
  before = after();
  for (int i = 0; i < 600; ++i) put("m" + std::to_string(i), kRemoteKind, R"({"rate_limit":1})");
  remove("r2");
  const auto next = after();
  EXPECT_NE(next->remote("m599"), nullptr);
  EXPECT_EQ(next->remote("r2"), nullptr);
}

TEST_F(LoadTest, AChangeThatNobodyLoadedIsNotMissed) {
  set("r1", R"({"url":"https://hub.example","rate_limit":3})");
  touch(sql);
  load_changes(sql, secrets, *before);  // whose result is lost
  set("r2", R"({"url":"https://hub.example","rate_limit":7})");
  EXPECT_EQ(after()->remote("r1")->rate_limit, 3);
}

}  // namespace
}  // namespace hubcache::registry
