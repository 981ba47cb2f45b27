#include <array>
#include <string_view>

#include "unit/db/fixture.h"

namespace hubcache::db {
namespace {

using namespace std::string_view_literals;
using ConnectionTest = DatabaseTest;

TEST_F(ConnectionTest, ValuesOfEveryTypeComeBackAsTheyWereBound) {
  auto database = open();
  database->read_now([](Connection& sql) {
    const std::array bytes{std::byte{0}, std::byte{'x'}, std::byte{0xff}};
    const std::optional<std::string> some = "some";
    const std::optional<std::int64_t> none;
    auto row = sql.query("SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7", std::int64_t{1} << 40, true, 2.5,
                         "a\0b"sv, std::span<const std::byte>(bytes), some, none);
    ASSERT_TRUE(row.step());
    EXPECT_EQ(row.integer(0), std::int64_t{1} << 40);
    EXPECT_TRUE(row.boolean(1));
    EXPECT_DOUBLE_EQ(row.real(2), 2.5);
    EXPECT_EQ(row.text(3), std::string("a\0b", 3));
    EXPECT_EQ(row.text(4), std::string("\0x\xff", 3));
    EXPECT_EQ(row.optional_text(5), "some");
    EXPECT_EQ(row.optional_integer(6), std::nullopt);
    EXPECT_FALSE(row.step());
  });
}

TEST_F(ConnectionTest, AStatementCanBeUsedInsideItself) {
  auto database = open();
  database->read_now([](Connection& sql) {
    auto outer = sql.query("SELECT ?1", 1);
    ASSERT_TRUE(outer.step());
    auto inner = sql.query("SELECT ?1", 2);
    ASSERT_TRUE(inner.step());
    EXPECT_EQ(outer.integer(0), 1);
    EXPECT_EQ(inner.integer(0), 2);
  });
}

TEST_F(ConnectionTest, AReusedStatementKeepsNothingOfItsLastUse) {
  auto database = open();
  database->read_now([](Connection& sql) {
    {
      sql.query("SELECT ?1", "before").step();
    }
    auto again = sql.query("SELECT ?1");
    ASSERT_TRUE(again.step());
    EXPECT_TRUE(again.is_null(0));
  });
}

TEST_F(ConnectionTest, AViolatedConstraintIsAConflict) {
  auto database = open();
  database->write_now(insert("one"));
  EXPECT_EQ(test::kind_thrown_by([&] { database->write_now(insert("one")); }),
            Error::Kind::kConflict);
}

TEST_F(ConnectionTest, WrongSqlIsABugOfOurs) {
  auto database = open();
  const auto wrong = [](Connection& sql) { sql.run("SELECT FROM"); };
  EXPECT_EQ(test::kind_thrown_by([&] { database->write_now(wrong); }), Error::Kind::kInternal);
}

TEST_F(ConnectionTest, AFullDiskIsNoSpace) {
  auto database = open();
  const auto grow = [](Connection& sql) {
    sql.script("PRAGMA max_page_count=8");
    for (int i = 0; i < 100; ++i) {
      sql.run("INSERT INTO notes (text) VALUES (?1)", std::string(4'000, 'x') + std::to_string(i));
    }
  };
  EXPECT_EQ(test::kind_thrown_by([&] { database->write_now(grow); }), Error::Kind::kNoSpace);
}

}  // namespace
}  // namespace hubcache::db
