#include "hubcache/db/migration.h"

#include <fstream>

#include <gmock/gmock.h>

#include "unit/db/fixture.h"

namespace hubcache::db {
namespace {

using MigrationTest = DatabaseTest;

constexpr Migration kTags{
    .number = 2, .name = "test: tags", .sql = "CREATE TABLE tags (tag TEXT) STRICT"};
constexpr Migration kFirst{
    .number = 201, .name = "test: other", .sql = "CREATE TABLE other (x TEXT) STRICT"};
constexpr Migration kBroken{.number = 3,
                            .name = "test: broken",
                            .sql = "CREATE TABLE half (x TEXT); CREATE TABLE half (x)"};

std::int64_t tables(Connection& sql) {
  auto query = sql.query("SELECT count(*) FROM sqlite_schema WHERE type = 'table'");
  query.step();
  return query.integer(0);
}

TEST_F(MigrationTest, EachStepRunsOnce) {
  open({kNotes});
  open({kNotes});
  auto database = open({kNotes, kTags});
  EXPECT_EQ(database->read_now(&tables), 3);  // and the list of steps itself
}

TEST_F(MigrationTest, AModuleGrowsAfterAModuleOfHigherNumbers) {
  open({kNotes, kFirst});
  EXPECT_NO_THROW(open({kFirst, kTags, kNotes}));
  EXPECT_EQ(open({kNotes, kTags, kFirst})->read_now(&tables), 4);
}

TEST_F(MigrationTest, ANewerFormatIsRefused) {
  open({kNotes, kTags});
  try {
    open({kNotes});
    FAIL() << "was opened";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), Error::Kind::kConflict);
    EXPECT_THAT(error.what(), ::testing::HasSubstr("newer version"));
  }
}

TEST_F(MigrationTest, AStepThatFailsLeavesNothing) {
  EXPECT_ANY_THROW(open({kNotes, kBroken}));
  EXPECT_EQ(open({kNotes})->read_now(&tables), 2);
}

TEST_F(MigrationTest, TwoStepsOfOneNumberAreABug) {
  EXPECT_EQ(test::kind_thrown_by([&] { open({kNotes, kNotes}); }), Error::Kind::kInternal);
}

TEST_F(MigrationTest, ADatabaseOfAnotherProgramIsRefused) {
  {
    Connection other(dir / "test.db", Connection::Access::kReadWrite, 0);
    other.script("CREATE TABLE t (x)");
  }
  EXPECT_EQ(test::kind_thrown_by([&] { open(); }), Error::Kind::kConflict);
}

TEST_F(MigrationTest, AFileThatIsNoDatabaseIsCorrupt) {
  std::ofstream(dir / "test.db") << std::string(8'192, 'x');
  EXPECT_EQ(test::kind_thrown_by([&] { open(); }), Error::Kind::kCorrupt);
}

}  // namespace
}  // namespace hubcache::db
