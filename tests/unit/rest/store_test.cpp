#include "hubcache/rest/store.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "hubcache/base/error.h"
#include "hubcache/registry/load.h"
#include "hubcache/rest/address.h"
#include "hubcache/rest/row.h"

#include "support/clock.h"
#include "support/run.h"

namespace hubcache::rest {
namespace {

/// Boxes, and shelves that refer to them.
class StoreTest : public testing::Test {
 protected:
  StoreTest() {
    db::migrate(sql, registry::migrations());
    for (const auto* name : {"a", "b", "c", "d"}) {
      clock.advance(std::chrono::seconds(1));
      ids[name] = store.create(sql, boxes, Json{{"name", name}, {"token", "secret"}}).id;
    }
  }
  /// Whoever reads the whole row fails.
  void make_unreadable(const std::string& name) {
    sql.run(
        "UPDATE resources SET doc = json_set(doc, '$.token', json_object('$sealed', 'no')) "
        "WHERE name = ?1",
        name);
  }
  static std::string names(const std::vector<Row>& rows) {
    std::string list;
    for (const auto& row : rows) list += row.name;
    return list;
  }
  std::string page(const Condition& where, const std::string& order, std::size_t limit,
                   std::size_t offset = 0) {
    const auto found = store.page(sql, boxes, where, order, limit, offset);
    return names(found.rows) + " of " + std::to_string(found.count);
  }
  static Condition named(const std::string& than) {
    return {.sql = "name > ?", .values = Json::array({than})};
  }

  test::TempDir dir;
  test::FakeClock clock;
  Stamps stamps{clock};
  db::SecretBox secrets{std::string(32, 'k')};
  db::Connection sql{dir / "test.db", db::Connection::Access::kReadWrite, 1'000};
  std::vector<Resource> resources{
      {.name = "Box",
       .kind = "box",
       .path = "boxes/",
       .model = "core.box",
       .fields = {text("name").required().unique(), text("token").nullable().secret(),
                  text("color").nullable().unique()}},
      {.name = "Shelf",
       .kind = "shelf",
       .path = "shelves/",
       .model = "core.shelf",
       .fields = {text("name").required().unique(), href("first", "box").nullable(),
                  href("second", "box").nullable(), hrefs("more", "box")}}};
  Store store{resources, secrets, stamps, "/api/"};
  const Resource& boxes = resources[0];
  const Resource& shelves = resources[1];
  std::map<std::string, std::string> ids;
};

constexpr const char* kNewest = "created DESC, id DESC";

TEST_F(StoreTest, APageIsOfThoseThatMeetTheConditionAndCountsThemAll) {
  EXPECT_EQ(page({}, kNewest, 100), "dcba of 4");
  EXPECT_EQ(page({}, kNewest, 2, 1), "cb of 4");
  EXPECT_EQ(page({}, kNewest, 2, 9), " of 4");
  EXPECT_EQ(page(named("a"), "name ASC", 2), "bc of 3");
  EXPECT_EQ(page(named("a"), "name ASC", 2, 2), "d of 3");
  EXPECT_EQ(page(both(named("a"), negated(named("c"))), "name ASC", 9), "bc of 2");
  EXPECT_EQ(page(either(named("c"), negated(named("a"))), "name ASC", 9), "ad of 2");
  EXPECT_EQ(page(either(named("c"), {}), "name ASC", 9), "abcd of 4");
  EXPECT_EQ(page({.sql = is_one_of("name"), .values = Json::array({{"d", "b", "x"}})}, "name", 9),
            "bd of 2");
  EXPECT_EQ(page(negated({.sql = "json_extract(doc, '$.color') = ?", .values = Json::array({"x"})}),
                 "name", 9),
            "abcd of 4");  // for null is not x
}

TEST_F(StoreTest, APageReadsNoOtherRows) {
  make_unreadable("b");
  EXPECT_EQ(page({}, kNewest, 2), "dc of 4");
  EXPECT_EQ(page(named("b"), "name ASC", 9), "cd of 2");
  EXPECT_EQ(names(store.all(sql, boxes, named("b"))).size(), 2U);
  EXPECT_THROW(page({}, kNewest, 3), std::exception);
}

TEST_F(StoreTest, ANewRowAndOneThatGoesLeaveTheOthersAlone) {
  const auto shelf = store.create(
      sql, shelves,
      Json{{"name", "s"},
           {"first", "/api/boxes/" + ids["a"] + "/"},
           {"second", "/api/boxes/" + ids["b"] + "/"},
           {"more", {"/api/boxes/" + ids["a"] + "/", "/api/boxes/" + ids["c"] + "/"}}});
  make_unreadable("b");
  EXPECT_NO_THROW(store.create(sql, boxes, Json{{"name", "e"}, {"color", "red"}}));
  store.remove(sql, *store.find(sql, boxes, ids["a"]));
  const auto left = store.find(sql, shelves, shelf.id);
  ASSERT_TRUE(left);
  EXPECT_EQ(left->doc["first"], nullptr);
  EXPECT_EQ(left->doc["second"], ids["b"]);
  EXPECT_EQ(left->doc["more"], Json::array({ids["c"]}));
}

TEST_F(StoreTest, WhatHasToBeUniqueIsSoInTheColumnAndInTheDocument) {
  const auto refusal = [this](const Json& values) {
    try {
      store.create(sql, boxes, values);
    } catch (const Error& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  EXPECT_EQ(refusal(Json{{"name", "a"}}), R"({"name":["This field must be unique."]})");
  EXPECT_EQ(refusal(Json{{"name", "e"}, {"color", "red"}}), "");
  EXPECT_EQ(refusal(Json{{"name", "f"}, {"color", "red"}}),
            R"({"color":["This field must be unique."]})");
  auto row = *store.find(sql, boxes, ids["a"]);
  EXPECT_TRUE(store.change(sql, boxes, row, Json{{"name", "a"}, {"color", "blue"}}));
}

TEST_F(StoreTest, SecretsAreNotInTheTableAndNotInWhatSqlCompares) {
  auto doc = sql.query("SELECT doc FROM resources WHERE name = 'a'");
  ASSERT_TRUE(doc.step());
  EXPECT_EQ(doc.text(0).find("secret"), std::string::npos);
  EXPECT_EQ(store.find(sql, boxes, ids["a"])->doc["token"], "secret");
  EXPECT_EQ(sql_value(boxes, "token"), std::nullopt);
  EXPECT_EQ(sql_value(boxes, "name"), "name");
  EXPECT_EQ(sql_value(boxes, "color"), "json_extract(doc, '$.color')");
  EXPECT_EQ(sql_value(shelves, "more"), std::nullopt);
  EXPECT_EQ(sql_value(boxes, "none"), std::nullopt);
}

}  // namespace
}  // namespace hubcache::rest
