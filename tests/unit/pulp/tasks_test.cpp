// Tasks by REST that take their time (contract/pulp.md 2.4 and 2.5).
#include <thread>

#include "fixture.h"

namespace hubcache::pulp {
namespace {

class TasksTest : public PulpTest {
 protected:
  /// The href of a task, made at the next millisecond, that nothing begins by itself.
  std::string record(const std::string& name, tasks::State state = tasks::State::kWaiting) {
    clock.advance(std::chrono::milliseconds(1));
    tasks::Record task{.id = "01900000-0000-7000-8000-00000000000" + std::to_string(++made_),
                       .name = name,
                       .state = state};
    task.created = task.updated = std::chrono::microseconds(clock.now().time_since_epoch()).count();
    database->write_now([&task](db::Connection& sql) { tasks::insert(sql, task); });
    return kTasks + task.id + "/";
  }
  Json ended(const std::string& href) {
    while (true) {
      auto shown = ask("GET", href).body;
      if (!shown.at("finished_at").is_null()) return shown;
      std::this_thread::yield();
    }
  }

 private:
  int made_ = 0;
};

constexpr const char* kCancel = R"({"state":"canceled"})";

TEST_F(TasksTest, WaitingTaskHasNotStarted) {
  const auto shown = ask("GET", record("waits")).body;
  EXPECT_EQ(shown.at("state"), "waiting");
  for (const char* field :
       {"unblocked_at", "started_at", "finished_at", "worker", "result", "error"})
    EXPECT_TRUE(shown.at(field).is_null()) << field;
  EXPECT_EQ(ask("GET", kTasks + "?state__in=waiting,running").body.at("count"), 1);
  EXPECT_EQ(ask("GET", kTasks + "?started_at__isnull=true").body.at("count"), 1);
}

TEST_F(TasksTest, CancelOfAWaitingTaskAnswersWithTheTaskCanceled) {
  const auto href = record("waits");
  EXPECT_EQ(ask("PATCH", href, "null").text, R"({"non_field_errors":["No data provided"]})");
  const auto canceled = ask("PATCH", href, kCancel);
  EXPECT_EQ(canceled.status, 200);
  EXPECT_EQ(canceled.body.at("state"), "canceled");
  EXPECT_EQ(canceled.body.at("pulp_href"), href);
  EXPECT_TRUE(canceled.body.at("started_at").is_null());
  EXPECT_TRUE(canceled.body.at("error").contains("reason"));
  EXPECT_EQ(ask("PATCH", href, kCancel).status, 409);
}

TEST_F(TasksTest, CancelOfARunningTaskIsOnItsWayUntilTheWorkEnds) {
  tasks->define("waits", [](tasks::Run&) -> Task<> {
    Timer never(co_await asio::this_coro::executor, std::chrono::steady_clock::time_point::max());
    co_await never.async_wait(use_task);
  });
  const auto href = record("waits");
  tasks->start();
  while (ask("GET", href).body.at("state") != "running") std::this_thread::yield();
  EXPECT_EQ(ask("DELETE", href).status, 409);
  const auto canceled = ask("PATCH", href, kCancel);
  EXPECT_EQ(canceled.status, 200);
  EXPECT_EQ(canceled.body.at("state"), "canceling");
  EXPECT_EQ(ended(href).at("state"), "canceled");
  EXPECT_EQ(ask("DELETE", href).status, 204);
}

TEST_F(TasksTest, TaskThatIsNotOverCannotBeRemoved) {
  for (const auto state :
       {tasks::State::kWaiting, tasks::State::kRunning, tasks::State::kCanceling}) {
    const auto href = record("waits", state);
    const auto refused = ask("DELETE", href);
    EXPECT_EQ(refused.status, 409);
    EXPECT_EQ(refused.text, "");
    EXPECT_EQ(ask("GET", href).status, 200);
  }
}

TEST_F(TasksTest, ProgressIsShownAsItIsReported) {
  tasks->define("works", [](tasks::Run& run) -> Task<> {
    run.report({.code = "a.part", .message = "A part", .total = 3, .done = 3});
    run.report({.code = "b.part", .message = "Of unknown size", .done = 1});
    co_return;
  });
  const auto href = record("works");
  tasks->start();
  const auto reports = ended(href).at("progress_reports");
  EXPECT_EQ(reports.at(0), Json::parse(R"({"message":"A part","code":"a.part","state":"completed",
      "total":3,"done":3,"suffix":null})"));
  EXPECT_TRUE(reports.at(1).at("total").is_null());
}

}  // namespace
}  // namespace hubcache::pulp
