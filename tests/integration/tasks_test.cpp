// Cleanup and repair of the whole cache, cancelled in their middle and by a stop of the server.
// That any task goes on: tests/e2e/test_tasks.py, tests/unit/tasks/queue_test.cpp.
#include <exception>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

#include <nlohmann/json.hpp>

#include "integration/fixture.h"

namespace hubcache::test {
namespace {

using hubsim::Fault;
using Json = nlohmann::json;

class TasksTest : public ServerTest {
 protected:
  ~TasksTest() override {
    disk.release();
    hub.release();
  }

  std::string begin(const std::string& verb, const Json& body) {
    const auto begun = rest("POST", "/pulp/api/v3/" + verb, body.dump());
    EXPECT_EQ(begun.status, 202) << begun.body;
    return Json::parse(begun.body).at("task");
  }
  Json task(const std::string& href) { return Json::parse(rest("GET", href).body); }
  Json ended(const std::string& href) {
    while (true) {
      auto shown = task(href);
      if (!shown.at("finished_at").is_null()) return shown;
      std::this_thread::yield();
    }
  }
  bool answers() {
    try {
      return fetch(port, "/pulp/api/v3/livez/").status == 200;
    } catch (const std::exception&) {
      return false;  // nobody listens
    }
  }
  void cancel(const std::string& href) {
    const auto canceled = rest("PATCH", href, R"({"state":"canceled"})");
    EXPECT_EQ(canceled.status, 200) << canceled.body;
  }
  static void expect_canceled(const Json& task) {
    EXPECT_EQ(task.at("state"), "canceled") << task;
    for (const auto& report : task.at("progress_reports")) {
      EXPECT_EQ(report.at("state"), "canceled") << report;
    }
  }
  std::size_t artifacts() {
    return Json::parse(rest("GET", "/pulp/api/v3/artifacts/").body).at("count");
  }

  void store_files() {
    for (const std::string name : {"config.json", "README.md", "tokenizer.json"}) {
      ASSERT_EQ(get("/org/model/resolve/main/" + name).status, 200) << name;
    }
    wait_stored(kFiles);
  }
  static constexpr std::size_t kFiles = 3;
};

// Cleanup of orphans ------------------------------------------------------------------------------

const Json kAll{{"orphan_protection_time", 0}};

class CleanupTest : public TasksTest {
 protected:
  /// Files that nothing leads to any more, and a task that stands still at the first of them.
  std::string held_at_the_first() {
    store_files();
    const std::string remote =
        Json::parse(rest("GET", kRemotes).body).at("results").at(0).at("pulp_href");
    EXPECT_EQ(rest("PATCH", remote, R"({"hf_token":"hf_other"})").status, 202);
    disk.hold(FaultyDisk::Call::kName);
    auto href = begin("orphans/cleanup/", kAll);
    while (disk.waiting() == 0) std::this_thread::yield();
    EXPECT_EQ(task(href).at("state"), "running");
    return href;
  }
};

TEST_F(CleanupTest, IsCanceledBetweenTwoFilesAndTheNextOneRemovesTheRest) {
  const auto href = held_at_the_first();
  cancel(href);
  EXPECT_EQ(task(href).at("state"), "canceling");
  disk.release();
  expect_canceled(ended(href));
  EXPECT_GE(stored_blobs(), kFiles - 1);
  EXPECT_EQ(artifacts(), stored_blobs());
  const auto next = ended(begin("orphans/cleanup/", kAll));
  EXPECT_EQ(next.at("state"), "completed");
  EXPECT_EQ(stored_blobs(), 0U);
  EXPECT_EQ(artifacts(), 0U);
}

TEST_F(CleanupTest, GoesOnAfterAStopInItsMiddle) {
  const auto href = held_at_the_first();
  std::jthread stopping([this] { stop(); });
  while (answers()) std::this_thread::yield();
  disk.release();
  stopping.join();
  start();
  const auto done = ended(href);
  EXPECT_EQ(done.at("state"), "completed") << done;
  EXPECT_EQ(stored_blobs(), 0U);
  EXPECT_EQ(artifacts(), 0U);
}

// Repair ------------------------------------------------------------------------------------------

class RepairTaskTest : public TasksTest {
 protected:
  /// One stored file is false, and a task waits for the Hub to send it anew.
  std::string held_at_the_hub() {
    EXPECT_EQ(get(kBig).status, 200);
    wait_stored(1);
    for (const auto& item : std::filesystem::recursive_directory_iterator(data.path() / "blobs")) {
      if (!item.is_regular_file()) continue;
      std::filesystem::permissions(item.path(), std::filesystem::perms::owner_write,
                                   std::filesystem::perm_options::add);
      std::fstream(item.path(), std::ios::in | std::ios::out | std::ios::binary) << "false";
    }
    hub.clear_log();
    hub.set_fault({.kind = Fault::Kind::kHold,
                   .host = hubsim::Host::kCdn,
                   .match = "model.safetensors",
                   .offset = 9});
    auto href = begin("repair/", Json::object());
    while (hub.count(hubsim::Host::kCdn) == 0) std::this_thread::yield();
    EXPECT_EQ(task(href).at("state"), "running");
    return href;
  }
  void let_the_hub_answer() {
    hub.clear_faults();
    hub.release();
  }
  void expect_served_right() {
    const auto answer = get(kBig);
    EXPECT_EQ(answer.status, 200);
    EXPECT_TRUE(answer.body == hub.bytes("org/model", "model.safetensors"));
  }
};

TEST_F(RepairTaskTest, IsCanceledWhileTheHubIsSilent) {
  const auto href = held_at_the_hub();
  cancel(href);
  expect_canceled(ended(href));
  let_the_hub_answer();
  expect_served_right();
  const auto next = ended(begin("repair/", Json::object()));
  EXPECT_EQ(next.at("state"), "completed");
}

TEST_F(RepairTaskTest, GoesOnAfterAStopWhileTheHubIsSilent) {
  const auto href = held_at_the_hub();
  stop();
  let_the_hub_answer();
  start();
  EXPECT_EQ(ended(href).at("state"), "completed");
  expect_served_right();
}

}  // namespace
}  // namespace hubcache::test
