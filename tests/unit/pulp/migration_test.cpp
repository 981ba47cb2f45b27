#include "hubcache/tasks/record.h"

#include "fixture.h"

namespace hubcache::pulp {
namespace {

/// All steps, or those of before tasks had a table of their own.
std::vector<db::Migration> steps(bool before) {
  std::vector<db::Migration> list;
  for (const auto part :
       {registry::migrations(), catalog::catalog_migrations(), tasks::migrations(), migrations()}) {
    for (const auto& step : part) {
      if (before && (step.number == 500 || step.number >= 602)) continue;
      list.push_back(step);
    }
  }
  return list;
}

TEST(MigrationTest, TasksOfADatabaseFromBeforeTheirOwnTableAreTakenOver) {
  const test::TempDir dir;
  db::Connection sql(dir / "old.db", db::Connection::Access::kReadWrite, 1'000);
  db::migrate(sql, steps(true));
  sql.script(R"(INSERT INTO pulp_tasks (id, name, state, created, updated, finished, logging_cid,
      created_by, created_resources, created_prns, locks, result, error, reports)
    VALUES ('0190', 'pulpcore.app.tasks.base.general_create', 'completed', 1, 2, 3, 'cid',
      '/users/1/', '["/a/"]', '["prn:a"]', '["shared:x"]', 'v1.sealed', NULL, '[]'),
     ('0191', 'other', 'failed', 4, 5, 6, '', NULL, '[]', '[]', '[]', NULL, '{"description":"d"}',
      '[{"code":"c","message":"m","state":"completed","total":null,"done":7}]'))");
  db::migrate(sql, steps(false));
  const auto first = tasks::find(sql, "0190");
  ASSERT_TRUE(first);
  EXPECT_EQ(first->state, tasks::State::kCompleted);
  EXPECT_EQ(first->finished, 3);
  EXPECT_EQ(first->correlation_id, "cid");
  EXPECT_EQ(first->created_by, "/users/1/");
  EXPECT_EQ(first->created_resources, std::vector<std::string>{"/a/"});
  EXPECT_EQ(first->locks, std::vector<std::string>{"shared:x"});
  EXPECT_EQ(first->result, "");
  const auto second = tasks::find(sql, "0191");
  ASSERT_TRUE(second);
  EXPECT_EQ(second->state, tasks::State::kFailed);
  EXPECT_EQ(second->error, R"({"description":"d"})");
  ASSERT_EQ(second->reports.size(), 1U);
  EXPECT_EQ(second->reports[0].done, 7);
  EXPECT_TRUE(tasks::unfinished(sql).empty());
}

}  // namespace
}  // namespace hubcache::pulp
