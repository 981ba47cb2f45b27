#include "hubcache/db/database.h"

#include "unit/db/fixture.h"

namespace hubcache::db {
namespace {

TEST_F(DatabaseTest, WhatWasWrittenIsReadAndOutlivesTheObject) {
  auto database = open();
  runner.run(database->write(insert("one")));
  EXPECT_EQ(runner.run(database->read(&count)), 1);
  database.reset();
  EXPECT_EQ(runner.run(open()->read(&count)), 1);
}

TEST_F(DatabaseTest, AWriteThatThrowsLeavesNothing) {
  auto database = open();
  const auto half = [](Connection& sql) {
    insert("one")(sql);
    throw Error(Error::Kind::kNotFound, "on purpose");
  };
  EXPECT_EQ(test::kind_thrown_by([&] { runner.run(database->write(half)); }),
            Error::Kind::kNotFound);
  EXPECT_EQ(database->read_now(&count), 0);
}

TEST_F(DatabaseTest, AResultMayBeMovedOut) {
  auto database = open();
  const auto make = [](Connection&) { return std::make_unique<int>(7); };
  EXPECT_EQ(*runner.run(database->write(make)), 7);
  EXPECT_EQ(*runner.run(database->read(make)), 7);
}

TEST_F(DatabaseTest, AReaderCannotWrite) {
  auto database = open();
  EXPECT_ANY_THROW(runner.run(database->read(insert("one"))));
  EXPECT_EQ(database->read_now(&count), 0);
}

TEST_F(DatabaseTest, AWriteRunsAfterTheQueuedOnesBeforeIt) {
  auto database = open();
  for (int i = 0; i < 2'000; ++i) database->write_soon(insert(std::to_string(i)));
  EXPECT_EQ(runner.run(database->write(&count)), 2'000);
}

TEST_F(DatabaseTest, AQueuedWriteThatFailsUndoesItselfAlone) {
  auto database = open();
  database->write_now([](Connection& sql) { insert("twice")(sql); });
  database->write_soon(insert("before"));
  database->write_soon([](Connection& sql) {
    insert("half")(sql);
    insert("twice")(sql);
  });
  database->write_soon(insert("after"));
  EXPECT_EQ(database->write_now(&count), 3);
}

TEST_F(DatabaseTest, QueuedWritesAreDoneBeforeTheDatabaseCloses) {
  auto database = open();
  database->write_soon(insert("last"));
  database.reset();
  EXPECT_EQ(open()->read_now(&count), 1);
}

TEST_F(DatabaseTest, AQueueThatIsFullDropsAndGoesOn) {
  Database database({.file = dir / "test.db", .soon_limit = 1}, std::vector{kNotes}, log);
  std::promise<void> go;
  std::promise<void> busy;
  auto blocking = runner.start(database.write([&](Connection&) {
    busy.set_value();
    go.get_future().wait();
  }));
  busy.get_future().wait();
  database.write_soon(insert("kept"));
  database.write_soon(insert("dropped"));
  go.set_value();
  blocking.get();
  EXPECT_EQ(database.write_now(&count), 1);
}

TEST_F(DatabaseTest, ADurableWriteSyncsItsCommitAndOnlyIts) {
  auto database = open();
  const auto level = [](Connection& sql) {
    auto query = sql.query("PRAGMA synchronous");
    query.step();
    return query.integer(0);
  };
  constexpr int kNormal = 1;
  constexpr int kFull = 2;
  EXPECT_EQ(runner.run(database->write_durable(level)), kFull);
  EXPECT_EQ(runner.run(database->write(level)), kNormal);
}

TEST_F(DatabaseTest, TheLogIsCutBackAfterALongWrite) {
  auto database = open();
  const auto log_size = [&] { return std::filesystem::file_size(dir / "test.db-wal"); };
  constexpr std::size_t kLong = 40'000'000;
  database->write_now(insert(std::string(kLong, 'x')));
  ASSERT_GT(log_size(), kLong);
  database->write_now(insert("next"));
  EXPECT_LE(log_size(), std::size_t{16} << 20U);
  EXPECT_EQ(database->read_now(&count), 2);
}

TEST_F(DatabaseTest, ReadersRunWhileTheWriterIsBusy) {
  auto database = open();
  std::promise<void> go;
  auto writing = runner.start(database->write([&](Connection&) { go.get_future().wait(); }));
  EXPECT_EQ(runner.run(database->read(&count)), 0);
  go.set_value();
  writing.get();
}

}  // namespace
}  // namespace hubcache::db
