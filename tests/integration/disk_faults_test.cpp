// Every trouble with the disk, from the start and in the middle of a download: who reads is served,
// nothing false is, and once it is over the cache stores again.
#include <cerrno>
#include <fstream>
#include <functional>
#include <future>
#include <thread>
#include <vector>

#include <nlohmann/json.hpp>

#include "integration/fixture.h"
#include "support/matrix.h"

namespace hubcache::test {
namespace {

using namespace std::chrono_literals;
using hubsim::Content;
using hubsim::Fault;
using hubsim::Host;
using hubsim::Storage;
using nlohmann::json;
using Call = FaultyDisk::Call;

constexpr std::string_view kFireConfig = "/org/fire/resolve/main/config.json";
constexpr std::string_view kDocument = "/api/models/org/fire/tree/main";

enum class DiskWhen { kAtOnce, kInTheMiddle };

struct DiskTrouble {
  std::string name;
  std::function<void(FaultyDisk&)> begin;
  bool reads_fail = false;  // what is written cannot be verified: its last byte is not handed out
};

using DiskCase = std::pair<DiskTrouble, DiskWhen>;

std::vector<DiskTrouble> disk_troubles() {
  return {
      {"full",
       [](FaultyDisk& disk) {
         disk.say_free(0);
         disk.room_for(0);
       }},
      {"full though it says otherwise", [](FaultyDisk& disk) { disk.room_for(0); }},
      {"EIO on write", [](FaultyDisk& disk) { disk.fail(Call::kWrite, EIO); }},
      {"EIO on fsync", [](FaultyDisk& disk) { disk.fail(Call::kSync, EIO); }},
      {"EIO on read", [](FaultyDisk& disk) { disk.fail(Call::kRead, EIO); }, true},
      {"read only",
       [](FaultyDisk& disk) {
         for (const auto call : {Call::kCreate, Call::kWrite, Call::kName}) disk.fail(call, EROFS);
       }},
      {"slow to sync", [](FaultyDisk& disk) { disk.hold(Call::kSync); }},
  };
}

class DiskFaults : public ServerTest, public testing::WithParamInterface<DiskCase> {
 protected:
  DiskFaults() {
    hub.add_repo({.id = "org/fire"});
    hub.commit("org/fire", "main",
               {{.path = "stored.bin",
                 .content = Content::generated(2 * kMiB, 1),
                 .storage = Storage::kLfs},
                {.path = "cold.bin",
                 .content = Content::generated(6 * kMiB + 5, 2),
                 .storage = Storage::kLfs},
                {.path = "config.json", .content = Content("{\"a\":1}")}});
    EXPECT_EQ(get(kStored).status, 200);
    wait_stored(1);
  }
  ~DiskFaults() override {
    disk.release();
    stop();
  }

  std::string bytes(std::string_view path) {
    return hub.bytes("org/fire", path.substr(path.rfind('/') + 1));
  }
  void end_trouble() {
    disk.stop_failing();
    disk.room_for(FaultyDisk::kNever);
    disk.say_free(FaultyDisk::kNever);
    disk.release();
  }

  void expect_whole(std::string_view path, const Answer& answer) {
    EXPECT_EQ(answer.status, 200) << path;
    EXPECT_TRUE(answer.complete) << path;
    EXPECT_TRUE(answer.body == bytes(path)) << path << " " << answer.body.size();
  }
  void expect_right(std::string_view path, const Answer& answer) {
    if (!GetParam().first.reads_fail || answer.complete) return expect_whole(path, answer);
    EXPECT_TRUE(answer.reset);
    EXPECT_TRUE(answer.body == bytes(path).substr(0, answer.body.size()));
  }
  void expect_the_rest_works() {
    expect_whole(kStored, get(kStored));
    expect_right(kFireConfig, get(kFireConfig));
    const auto part = get(kCold, {}, {{"Range", "bytes=3000000-4999999"}});
    EXPECT_EQ(part.status, 206);
    EXPECT_TRUE(part.body == bytes(kCold).substr(3'000'000, 2'000'000));
    EXPECT_EQ(head(kCold).status, 200);
    EXPECT_EQ(get(kDocument).status, 200);
  }
};

TEST_P(DiskFaults, CutNobodyAndAreOverWhenTheyAreOver) {
  const auto& [trouble, when] = GetParam();
  hub.set_fault({.kind = Fault::Kind::kHold,
                 .host = Host::kCdn,
                 .match = "cold.bin",
                 .offset = when == DiskWhen::kAtOnce ? 0 : 3 * kMiB});
  if (when == DiskWhen::kAtOnce) trouble.begin(disk);
  std::vector<std::future<Answer>> readers;
  for (int i = 0; i < 3; ++i) {
    readers.push_back(std::async(std::launch::async, [this] { return get(kCold); }));
  }
  while (hub.count(Host::kCdn, "GET", "cold.bin") == 0) std::this_thread::yield();
  if (when == DiskWhen::kInTheMiddle) {
    while (hub.body_bytes(Host::kCdn, "cold.bin") < 3 * kMiB) std::this_thread::yield();
    trouble.begin(disk);
  }
  hub.release();
  for (auto& reader : readers) expect_right(kCold, reader.get());
  expect_the_rest_works();

  end_trouble();
  expect_whole(kCold, get(kCold));
  expect_whole(kFireConfig, get(kFireConfig));
  expect_the_rest_works();
  wait_stored(3);
  restart();
  hub.clear_log();
  for (const auto path : {kStored, kCold, kFireConfig}) expect_whole(path, get(path));
  EXPECT_EQ(hub.count(Host::kCdn), 0U);
}

std::vector<DiskCase> disk_cases() {
  return matrix(disk_troubles(), std::vector{DiskWhen::kAtOnce, DiskWhen::kInTheMiddle});
}

std::string disk_name(const testing::TestParamInfo<DiskCase>& row) {
  const bool at_once = row.param.second == DiskWhen::kAtOnce;
  return test_name(row.param.first.name + (at_once ? " at once" : " in the middle"));
}

INSTANTIATE_TEST_SUITE_P(Table, DiskFaults, testing::ValuesIn(disk_cases()), disk_name);

class UnreadableBlob : public ServerTest {
 protected:
  UnreadableBlob() {
    config.server.workers = 1;  // who has it open is who is asked
    restart();
    whole = get(kBig).body;
    wait_stored(1);
    const auto digest = hub.etag("org/model", "model.safetensors");
    blob = data / "blobs" / "sha256" / digest.substr(0, 2) / digest.substr(2);
    EXPECT_EQ(get(kBig).body, whole);  // from now on it is open
    hub.clear_log();
  }
  ~UnreadableBlob() override {
    disk.stop_failing();
    disk.release();
    stop();
  }
  void expect_cut(const Answer& answer) {
    EXPECT_FALSE(answer.complete);
    EXPECT_TRUE(answer.reset);
    EXPECT_TRUE(answer.body.empty());
  }

  std::string whole;
  std::filesystem::path blob;
};

TEST_F(UnreadableBlob, IsCutQuarantinedAndFetchedAnew) {
  disk.fail(Call::kRead, EIO);
  FaultyDisk::spoil_open(blob);
  expect_cut(get(kBig));
  while (std::filesystem::exists(blob)) std::this_thread::yield();
  EXPECT_FALSE(std::filesystem::is_empty(data / "quarantine"));
  disk.stop_failing();
  while (get(kBig).body != whole) std::this_thread::yield();
  EXPECT_GT(hub.count(Host::kCdn, "GET"), 0U);
  wait_stored(1);
}

TEST_F(UnreadableBlob, ComesFromTheHubWhileItIsLookedAtAndStaysWhenItIsRight) {
  disk.hold(Call::kRead);
  FaultyDisk::spoil_open(blob);
  expect_cut(get(kBig));
  while (disk.waiting() == 0) std::this_thread::yield();
  for (int i = 0; i < 4; ++i) {
    const auto answer = get(kBig);
    EXPECT_TRUE(answer.complete);
    EXPECT_TRUE(answer.body == whole);
  }
  EXPECT_GE(hub.count(Host::kCdn, "GET"), 4U);
  disk.release();
  auto from_hub = hub.count(Host::kCdn, "GET");
  while (get(kBig).body == whole && hub.count(Host::kCdn, "GET") > from_hub) {
    from_hub = hub.count(Host::kCdn, "GET");
  }
  EXPECT_EQ(get(kBig).body, whole);
  EXPECT_EQ(hub.count(Host::kCdn, "GET"), from_hub);
  EXPECT_EQ(stored_blobs(), 1U);
}

/// Another repository has the same file: whether that is so is seen from some of its bytes.
class ReadForAProof : public UnreadableBlob {
 protected:
  ReadForAProof() {
    hub.add_repo({.id = "org/copy"});
    hub.add_file("org/copy", "copy.bin", whole, Storage::kLfs);
  }
  static constexpr std::string_view kCopy = "/org/copy/resolve/main/copy.bin";
};

TEST_F(ReadForAProof, WaitsForASlowDiskAndNobodyElseDoes) {
  disk.hold(Call::kRead);
  auto other = std::async(std::launch::async, [this] { return get(kCopy); });
  while (disk.waiting() == 0) std::this_thread::yield();
  EXPECT_TRUE(get(kBig).body == whole);
  disk.release();
  EXPECT_TRUE(other.get().body == whole);
  EXPECT_LT(hub.body_bytes(Host::kCdn), whole.size());
}

TEST_F(ReadForAProof, FindsABlobThatCannotBeReadWhichIsFetchedAnew) {
  FaultyDisk::spoil_open(blob);
  const auto answer = get(kCopy);
  EXPECT_EQ(answer.status, 200);
  EXPECT_TRUE(answer.body == whole);
  while (get(kBig).body != whole) std::this_thread::yield();
}

class SlowDisk : public ServerTest {
 protected:
  ~SlowDisk() override {
    disk.release();
    stop();
  }
  /// What one connection may have taken of the Hub and not brought to the disk: a piece in memory
  /// (fill/connection.cpp), and what the kernel keeps at either end.
  static std::uint64_t most_on_the_way() {
    constexpr std::uint64_t kPiece = 2 * kMiB;
    return kPiece + most_kept("tcp_rmem") + most_kept("tcp_wmem");
  }
  static std::uint64_t most_kept(const std::string& name) {
    std::ifstream file("/proc/sys/net/ipv4/" + name);
    std::uint64_t least = 0, usual = 0, most = 0;
    file >> least >> usual >> most;
    EXPECT_TRUE(file) << name;
    return most;
  }
};

TEST_F(SlowDisk, SlowsTheFillAndNobodyElse) {
  const auto known = get(kConfig).body;
  wait_stored(1);
  const auto size = 2 * most_on_the_way();
  hub.add_repo({.id = "org/slow"});
  hub.add_file("org/slow", "slow.bin", Content::numbered(size), Storage::kLfs);
  hub.add_file("org/slow", "beside.bin", Content::sparse(size), Storage::kLfs);
  const std::string remote = json::parse(rest("GET", kRemotes).body)["results"][0]["pulp_href"];
  ASSERT_EQ(rest("PATCH", remote, R"({"download_concurrency":1})").status, 202);
  const json streamed{{"name", "beside"}, {"url", hub.url()}, {"policy", "streamed"}};
  const auto made = rest("POST", kRemotes, streamed.dump());
  ASSERT_EQ(made.status, 201) << made.body;
  const std::string href = json::parse(made.body).at("pulp_href");
  const json distribution{{"name", "beside"}, {"base_path", "beside"}, {"remote", href}};
  ASSERT_EQ(rest("POST", kDistributions, distribution.dump()).status, 202);

  hub.set_fault(
      {.kind = Fault::Kind::kHold, .host = Host::kCdn, .match = "slow.bin", .offset = kMiB});
  auto reader =
      std::async(std::launch::async, [this] { return get("/org/slow/resolve/main/slow.bin"); });
  while (hub.body_bytes(Host::kCdn, "slow.bin") < kMiB) std::this_thread::yield();
  disk.hold(Call::kWrite);
  hub.release();
  while (disk.waiting() == 0) std::this_thread::yield();
  EXPECT_EQ(get(kConfig).body, known);
  EXPECT_EQ(head(kBig).status, 200);
  EXPECT_EQ(get("/api/models/org/model").status, 200);
  // As much passes by the disk meanwhile: so long the fill, too, could have read on.
  const auto passed = fetch(port, "/pulp/content/beside/org/slow/resolve/main/beside.bin");
  EXPECT_EQ(passed.body.size(), size);
  // The Hub is read no faster than the disk takes it.
  EXPECT_LE(hub.body_bytes(Host::kCdn, "slow.bin"), 2 * kMiB + most_on_the_way());
  disk.release();
  EXPECT_TRUE(reader.get().body == hub.bytes("org/slow", "slow.bin"));
}

}  // namespace
}  // namespace hubcache::test
