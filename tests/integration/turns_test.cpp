// Many downloads, fewer connections: how many there are on the wire, and who is served.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <future>
#include <string>
#include <thread>
#include <vector>

#include <nlohmann/json.hpp>

#include "integration/fixture.h"

namespace hubcache::test {
namespace {

using hubsim::Content;
using hubsim::Fault;
using hubsim::Host;
using hubsim::Storage;
using Json = nlohmann::json;

constexpr std::size_t kConnections = 4;
constexpr std::size_t kOfOneRemote = 3;
constexpr std::size_t kFiles = 6;

class TurnsTest : public ServerTest {
 protected:
  TurnsTest() {
    config.upstream.max_connections = kConnections;
    config.server.metrics_listen = {"127.0.0.1:0"};
    restart();
    hub.add_repo({.id = "org/many"});
    for (std::size_t i = 0; i < kFiles; ++i) {
      hub.add_file("org/many", held(i), Content::generated((3U << 20U) + i, i + 1), Storage::kLfs);
    }
    hub.add_file("org/many", "free.bin", Content::generated(2U << 20U, 99), Storage::kLfs);
    hub.set_fault({.kind = Fault::Kind::kHold, .host = Host::kCdn, .match = "held", .offset = 0});
    change_remote({{"sock_read_timeout", 600}});
  }
  ~TurnsTest() override { hub.clear_faults(); }

  static std::string held(std::size_t number) { return "held" + std::to_string(number) + ".bin"; }
  static std::string path_of(const std::string& file) { return "/org/many/resolve/main/" + file; }

  /// Each is read by a client of its own.
  std::vector<std::future<Answer>> read_held() {
    std::vector<std::future<Answer>> reading;
    for (std::size_t i = 0; i < kFiles; ++i) {
      reading.push_back(std::async(std::launch::async, [this, i] {
        const auto on_head = [this] { ++heads_; };
        return fetch(port, "/pulp/content/hf" + path_of(held(i)), {}, "GET", {}, on_head);
      }));
    }
    return reading;
  }
  /// One connection for files, and it brings a file, the rest of which is held.
  void take_the_only_connection() {
    config.upstream.max_connections = 1;
    restart();
    hub.clear_faults();
    hub.set_fault(
        {.kind = Fault::Kind::kHold, .host = Host::kCdn, .match = "held", .offset = 1U << 20U});
  }
  /// Of those who read what is held, how many have the header of their answer.
  std::size_t heads() const { return heads_; }
  /// A client who waited for longer than a first byte may take was told so, and asks again.
  void expect_all(std::vector<std::future<Answer>>& reading) {
    for (std::size_t i = 0; i < reading.size(); ++i) {
      auto answer = reading[i].get();
      while (answer.status == 504) answer = get(path_of(held(i)));
      EXPECT_EQ(answer.body, hub.bytes("org/many", held(i))) << i;
    }
  }
  std::size_t in_line() const {
    return static_cast<std::size_t>(metric("hubcache_upstream_queue"));
  }
  void until_in_line(std::size_t count) const {
    while (in_line() < count) std::this_thread::yield();
  }
  /// For bytes: who is in line has its time from then on.
  void until_readers_wait(std::size_t count) const {
    while (metric("hubcache_waiting_readers") < static_cast<double>(count)) {
      std::this_thread::yield();
    }
  }
  /// Those the CDN has not answered to the end.
  std::size_t on_the_wire() const {
    std::size_t count = 0;
    for (const auto& one : hub.log()) {
      const bool is_held = one.target.find("held") != std::string::npos;
      if (one.host == Host::kCdn && is_held && one.body_bytes == 0) ++count;
    }
    return count;
  }
  std::string remote() {
    return Json::parse(rest("GET", kRemotes).body).at("results").at(0).at("pulp_href");
  }
  void change_remote(const Json& fields) {
    ASSERT_EQ(rest("PATCH", remote(), fields.dump()).status, 202);
  }

 private:
  std::atomic<std::size_t> heads_{0};
};

TEST_F(TurnsTest, WhoWaitsForATurnHasTheHeaderInTimeAndThenTheBytes) {
  take_the_only_connection();
  auto reading = read_held();
  until_in_line(kFiles - 1);
  until_readers_wait(kFiles);
  clock.advance(std::chrono::seconds(2));
  while (heads() < kFiles) std::this_thread::yield();
  EXPECT_EQ(hub.count(Host::kCdn, "GET", "held"), 1U) << "the Hub was not asked for more";
  hub.release();
  for (std::size_t i = 0; i < kFiles; ++i) {
    const auto answer = reading[i].get();
    EXPECT_EQ(answer.status, 200) << i;
    EXPECT_EQ(answer.body, hub.bytes("org/many", held(i))) << i;
  }
}

TEST_F(TurnsTest, TroubleAfterTheHeaderCutsTheConnection) {
  take_the_only_connection();
  auto holder = std::async(std::launch::async, [this] { return get(path_of(held(0))); });
  while (hub.count(Host::kCdn, "GET", "held") < 1) std::this_thread::yield();
  hub.set_fault({.kind = Fault::Kind::kStatus, .host = Host::kCdn, .match = "free"});
  std::atomic<bool> has_header{false};
  auto unlucky = std::async(std::launch::async, [&] {
    const auto on_head = [&] { has_header = true; };
    return fetch(port, "/pulp/content/hf" + path_of("free.bin"), {}, "GET", {}, on_head);
  });
  until_in_line(1);
  until_readers_wait(2);
  clock.advance(std::chrono::seconds(2));
  while (!has_header) std::this_thread::yield();
  hub.release();
  const auto answer = unlucky.get();
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.body, "");
  EXPECT_TRUE(answer.reset);
  EXPECT_EQ(holder.get().body, hub.bytes("org/many", held(0)));
  EXPECT_EQ(get(path_of("free.bin")).status, 502) << "who is not in line is told";
}

TEST_F(TurnsTest, ARemoteWhoseDownloadsAreHeldLeavesConnectionsToAnother) {
  const auto made = rest("POST", kRemotes, R"({"name":"b","url":")" + hub.url() + R"("})");
  const Json distribution{
      {"name", "b"}, {"base_path", "b"}, {"remote", Json::parse(made.body).at("pulp_href")}};
  ASSERT_EQ(rest("POST", kDistributions, distribution.dump()).status, 202);

  auto reading = read_held();
  until_in_line(kFiles - kOfOneRemote);
  EXPECT_EQ(metric("hubcache_upstream_connections"), kOfOneRemote);
  while (on_the_wire() < kOfOneRemote) std::this_thread::yield();
  EXPECT_EQ(on_the_wire(), kOfOneRemote);
  EXPECT_EQ(fetch(port, "/pulp/content/b" + path_of("free.bin")).body,
            hub.bytes("org/many", "free.bin"));
  EXPECT_EQ(on_the_wire(), kOfOneRemote);
  hub.release();
  expect_all(reading);
}

TEST_F(TurnsTest, QuestionsDoNotWaitForDownloads) {
  auto reading = read_held();
  until_in_line(kFiles - kOfOneRemote);
  EXPECT_EQ(head(path_of("free.bin")).status, 200);
  EXPECT_EQ(get("/api/models/org/many/revision/main").status, 200);
  EXPECT_EQ(get(kInfo).status, 200);
  hub.release();
  expect_all(reading);
}

TEST_F(TurnsTest, DownloadConcurrencyHoldsForAllFilesOfARemote) {
  change_remote({{"download_concurrency", 2}});
  auto reading = read_held();
  until_in_line(kFiles - 2);
  while (on_the_wire() < 2) std::this_thread::yield();
  EXPECT_EQ(on_the_wire(), 2U);
  hub.release();
  expect_all(reading);
}

TEST_F(TurnsTest, WhatIsStreamedCountsToo) {
  change_remote({{"policy", "streamed"}});
  auto reading = read_held();
  const auto answered = [](const std::future<Answer>& one) {
    return one.wait_for(std::chrono::seconds(0)) == std::future_status::ready;
  };
  const auto not_begun = [&] {
    const auto gave_up = std::ranges::count_if(reading, answered);
    return in_line() + static_cast<std::size_t>(gave_up);
  };
  while (not_begun() < kFiles - kOfOneRemote) std::this_thread::yield();
  while (on_the_wire() < kOfOneRemote) std::this_thread::yield();
  EXPECT_EQ(on_the_wire(), kOfOneRemote);
  hub.release();
  expect_all(reading);
}

TEST_F(TurnsTest, WhoReadsSlowlyWhatIsStreamedKeepsNobodyFromBeginning) {
  hub.clear_faults();
  hub.set_fault(
      {.kind = Fault::Kind::kHold, .host = Host::kCdn, .match = "held", .offset = 1U << 20U});
  change_remote({{"policy", "streamed"}});
  auto reading = read_held();
  while (hub.count(Host::kCdn, "GET", "held") < kFiles) std::this_thread::yield();
  hub.release();
  expect_all(reading);
}

TEST_F(TurnsTest, AReaderIsServedWhileAPrefetchIsHeld) {
  change_remote({{"policy", "immediate"}});
  hub.add_repo({.id = "org/two"});
  hub.add_file("org/two", "big.bin", Content::generated(100U << 20U, 7), Storage::kLfs);
  hub.add_file("org/two", "config.json", Content(std::string("{}")));
  // The first request is for 4 MiB; others are held.
  hub.set_fault(
      {.kind = Fault::Kind::kHold, .host = Host::kCdn, .match = "big", .offset = 5U << 20U});
  ASSERT_EQ(get("/org/two/resolve/main/config.json").status, 200);
  until_in_line(1);
  EXPECT_EQ(metric("hubcache_upstream_connections"), kConnections / 2);
  EXPECT_EQ(get(path_of("free.bin")).body, hub.bytes("org/many", "free.bin"));
  hub.release();
}

}  // namespace
}  // namespace hubcache::test
