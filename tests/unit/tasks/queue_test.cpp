#include "hubcache/tasks/queue.h"

#include <atomic>
#include <thread>
#include <tuple>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "hubcache/base/error.h"

#include "support/clock.h"
#include "support/run.h"

namespace hubcache::tasks {
namespace {

using Json = nlohmann::json;

/// Ends by cancellation alone.
Task<> forever() {
  Timer never(co_await asio::this_coro::executor, std::chrono::steady_clock::time_point::max());
  co_await never.async_wait(use_task);
}

class QueueTest : public ::testing::Test {
 protected:
  QueueTest() {
    define();
    queue->start();
  }
  ~QueueTest() override { runner.run(queue->shut_down()); }

  void define() {
    queue = std::make_unique<Queue>(runner.workers(), database, Queue::Options{}, clock, log);
    queue->define("reports", [](tasks::Run& run) -> Task<> {
      run.report({.code = "part", .message = run.arguments(), .total = 2, .done = 1});
      run.report({.code = "part", .message = run.arguments(), .total = 2, .done = 2});
      co_return;
    });
    queue->define("fails", [](tasks::Run& run) -> Task<> {
      run.report({.code = "part", .message = "Part"});
      throw Error(Error::Kind::kNoSpace, "there is no room");
      co_return;
    });
    queue->define("breaks", [](tasks::Run&) -> Task<> {
      throw std::logic_error("secret of the house");
      co_return;
    });
    queue->define("waits", [this](tasks::Run& run) -> Task<> {
      run.report({.code = "part", .message = "Part"});
      ++begun;
      co_await forever();
    });
  }
  void restart() {
    runner.run(queue->shut_down());
    define();
  }

  std::string add(const std::string& name, std::vector<std::string> locks = {}) {
    Record record{.id = std::to_string(++made), .name = name};
    record.locks = std::move(locks);
    record.arguments = R"({"made":)" + record.id + "}";
    return add(std::move(record));
  }
  std::string add(Record record) {
    database.write_now([&record](db::Connection& sql) { insert(sql, record); });
    queue->wake();
    return record.id;
  }
  Record task(const std::string& id) {
    return *database.read_now([&id](db::Connection& sql) { return find(sql, id); });
  }
  Record ended(const std::string& id) {
    while (!is_final(task(id).state)) std::this_thread::yield();
    return task(id);
  }
  void wait_for_begun(int count) {
    while (begun < count) std::this_thread::yield();
  }
  std::optional<Queue::Canceled> cancel(const std::string& id) {
    return runner.run(queue->cancel(id), 1);
  }

  test::TempDir dir;
  test::FakeClock clock;
  obs::Log log{obs::Options{.level = obs::Level::kOff}};
  test::Runner runner{2};
  db::Database database{{.file = dir / "test.db"}, migrations(), log};
  std::atomic<int> begun = 0;
  int made = 0;
  std::unique_ptr<Queue> queue;
};

TEST_F(QueueTest, RunsWhatWasRecordedAndKeepsWhatItReportedLast) {
  const auto done = ended(add("reports"));
  EXPECT_EQ(done.state, State::kCompleted);
  EXPECT_TRUE(done.started && done.finished);
  ASSERT_EQ(done.reports.size(), 1U);
  EXPECT_EQ(done.reports[0].state, State::kCompleted);
  EXPECT_EQ(done.reports[0].message, R"({"made":1})");
  EXPECT_EQ(done.reports[0].done, 2);
  EXPECT_EQ(done.error, "");
}

TEST_F(QueueTest, FailureIsRecordedWithItsReason) {
  const auto failed = ended(add("fails"));
  EXPECT_EQ(failed.state, State::kFailed);
  EXPECT_EQ(Json::parse(failed.error).at("description"), "there is no room");
  EXPECT_EQ(failed.reports.at(0).state, State::kFailed);
  // What nobody should read stays in the log.
  EXPECT_EQ(ended(add("breaks")).error.find("secret"), std::string::npos);
}

TEST_F(QueueTest, TaskThatNobodyKnowsHowToDoFails) {
  EXPECT_EQ(ended(add("of a later version")).state, State::kFailed);
}

TEST_F(QueueTest, CancelEndsWhatRuns) {
  const auto id = add("waits");
  wait_for_begun(1);
  const auto canceled = cancel(id);
  EXPECT_EQ(canceled->record.state, State::kCanceling);
  EXPECT_FALSE(canceled->was_final);
  const auto record = ended(id);
  EXPECT_EQ(record.state, State::kCanceled);
  EXPECT_EQ(record.reports.at(0).state, State::kCanceled);
  EXPECT_TRUE(Json::parse(record.error).contains("reason"));
}

TEST_F(QueueTest, CancelOfWhatIsOverChangesNothing) {
  const auto id = add("reports");
  const auto before = ended(id);
  const auto canceled = cancel(id);
  EXPECT_TRUE(canceled->was_final);
  EXPECT_EQ(canceled->record.state, State::kCompleted);
  EXPECT_EQ(task(id).updated, before.updated);
  EXPECT_FALSE(cancel("nobody").has_value());
}

TEST_F(QueueTest, TasksThatWantTheSameRunOneAfterTheOther) {
  const auto first = add("waits", {"orphans", "shared:all"});
  wait_for_begun(1);
  const auto second = add("waits", {"orphans", "shared:all"});
  const auto behind_it = add("waits", {"shared:orphans"});
  add("waits", {"shared:all"});
  wait_for_begun(2);  // the last one overtook those that have to wait
  EXPECT_EQ(task(second).state, State::kWaiting);
  EXPECT_EQ(task(behind_it).state, State::kWaiting);
  cancel(first);
  wait_for_begun(3);
  EXPECT_EQ(task(second).state, State::kRunning);
  EXPECT_EQ(task(behind_it).state, State::kWaiting);
}

TEST_F(QueueTest, CancelOfWhatWaitsEndsItAtOnceAndLetsOthersBegin) {
  const auto holder = add("waits", {"shared:x"});
  wait_for_begun(1);
  const auto waiting = add("waits", {"x"});
  const auto behind = add("waits", {"shared:x"});
  const auto canceled = cancel(waiting);
  EXPECT_EQ(canceled->record.state, State::kCanceled);
  EXPECT_FALSE(canceled->record.started);
  EXPECT_TRUE(canceled->record.finished);
  wait_for_begun(2);
  EXPECT_EQ(task(behind).state, State::kRunning);
  EXPECT_EQ(task(holder).state, State::kRunning);
}

TEST_F(QueueTest, StopEndsWhatRunsAndTheNextStartBeginsItAgain) {
  const auto id = add("waits");
  for (int stops = 1; stops <= 5; ++stops) {
    wait_for_begun(stops);
    restart();
    EXPECT_EQ(task(id).state, State::kWaiting);
    EXPECT_FALSE(task(id).started);
    queue->start();
  }
  wait_for_begun(6);
  EXPECT_EQ(task(id).state, State::kRunning);
}

TEST_F(QueueTest, AfterACrashWhatRanBeginsAgainUntilItWasThereAtTooMany) {
  restart();
  const auto left = [this](State state, std::int64_t starts) {
    Record record{.id = std::to_string(++made), .name = "reports", .state = state};
    record.starts = starts;
    return add(std::move(record));
  };
  const auto once = left(State::kRunning, 1);
  const auto often = left(State::kRunning, Queue::Options{}.max_crashes);
  const auto canceling = left(State::kCanceling, 1);
  queue->start();
  EXPECT_EQ(ended(once).state, State::kCompleted);
  EXPECT_EQ(ended(often).state, State::kFailed);
  EXPECT_TRUE(Json::parse(task(often).error).contains("description"));
  EXPECT_EQ(ended(canceling).state, State::kCanceled);
}

TEST_F(QueueTest, OnlyWhatIsOverCanBeRemovedOrPurged) {
  const auto running = add("waits");
  const auto over = add("reports");
  const auto failed = add("fails");
  wait_for_begun(1);
  ended(over);
  ended(failed);
  const auto removed = database.write_now([&](db::Connection& sql) {
    constexpr std::int64_t kLater = std::int64_t{1} << 60;
    return std::tuple(remove(sql, running), remove(sql, over), purge(sql, State::kFailed, kLater),
                      all(sql).size());
  });
  EXPECT_EQ(removed, std::tuple(false, true, 1, 1U));
}

}  // namespace
}  // namespace hubcache::tasks
