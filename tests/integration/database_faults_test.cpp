// Every trouble with the database: files are served, what cannot be recorded is said to be so, and
// once it is over all is as before.
#include <cerrno>
#include <fstream>
#include <functional>
#include <memory>
#include <vector>

#include "hubcache/db/connection.h"

#include "integration/fixture.h"
#include "support/matrix.h"
#include "support/sqlite_disk.h"

namespace hubcache::test {
namespace {

using namespace std::chrono_literals;
using hubsim::Content;
using hubsim::Host;
using hubsim::Storage;
using Call = FaultyDisk::Call;

constexpr std::string_view kAskedLater = "/org/fire/resolve/main/other.bin";

class DatabaseFaults;

struct DatabaseTrouble {
  std::string name;
  std::function<void(DatabaseFaults&)> begin;
};

class DatabaseFaults : public ServerTest, public testing::WithParamInterface<DatabaseTrouble> {
 public:
  DatabaseFaults() {
    stop();
    sqlite_ = std::make_unique<SqliteOnDisk>(under_database);
    start();
    hub.add_repo({.id = "org/fire"});
    std::vector<hubsim::Change> files;
    unsigned seed = 1;
    for (const auto* name : {"stored.bin", "cold.bin", "other.bin"}) {
      files.push_back({.path = name,
                       .content = Content::generated(2 * kMiB + seed, seed),
                       .storage = Storage::kLfs});
      ++seed;
    }
    hub.commit("org/fire", "main", std::move(files));
    EXPECT_EQ(get(kStored).status, 200);
    wait_stored(1);
  }
  ~DatabaseFaults() override {
    end_trouble();
    stop();
  }

  std::filesystem::path database() const { return data.path() / "hubcache.db"; }
  void lock() {
    locker_ =
        std::make_unique<db::Connection>(database(), db::Connection::Access::kReadWrite, 5'000);
    locker_->script("BEGIN IMMEDIATE");
  }
  void end_trouble() {
    under_database.stop_failing();
    if (locker_) locker_->script("ROLLBACK");
    locker_.reset();
  }

  void expect_whole(std::string_view path) {
    const auto answer = get(path);
    EXPECT_EQ(answer.status, 200) << path << " " << answer.header("x-error-message");
    EXPECT_TRUE(answer.complete) << path;
    EXPECT_TRUE(answer.body == hub.bytes("org/fire", path.substr(path.rfind('/') + 1))) << path;
  }

  FaultyDisk under_database;

 private:
  std::unique_ptr<SqliteOnDisk> sqlite_;
  std::unique_ptr<db::Connection> locker_;
};

std::vector<DatabaseTrouble> database_troubles() {
  return {
      {"full", [](DatabaseFaults& test) { test.under_database.fail(Call::kWrite, ENOSPC); }},
      {"fails to write", [](DatabaseFaults& test) { test.under_database.fail(Call::kWrite, EIO); }},
      {"locked by another program", [](DatabaseFaults& test) { test.lock(); }},
  };
}

TEST_P(DatabaseFaults, KeepNoFileFromWhoWantsIt) {
  const std::string remote = R"({"name":"another","url":"https://huggingface.co"})";
  GetParam().begin(*this);
  expect_whole(kStored);
  EXPECT_EQ(head(kStored).status, 200);
  expect_whole(kCold);
  EXPECT_GE(rest("POST", kRemotes, remote).status, 500);
  EXPECT_EQ(rest("GET", kRemotes).status, 200);

  end_trouble();
  EXPECT_EQ(rest("POST", kRemotes, remote).status, 201) << "what failed left nothing";
  for (const auto path : {kStored, kCold, kAskedLater}) expect_whole(path);
  wait_stored(3);
  restart();
  hub.clear_log();
  for (const auto path : {kStored, kCold, kAskedLater}) expect_whole(path);
  EXPECT_EQ(hub.count(Host::kCdn), 0U);
}

INSTANTIATE_TEST_SUITE_P(Table, DatabaseFaults, testing::ValuesIn(database_troubles()),
                         [](const testing::TestParamInfo<DatabaseTrouble>& row) {
                           return test_name(row.param.name);
                         });

// At a start it is refused, with what to do (tests/e2e/test_care.py); here it happens to a server
// that runs first.
class CorruptDatabase : public ServerTest {
 protected:
  CorruptDatabase() {
    config.server.workers = 1;  // what one knows, all do
    restart();
  }
};

TEST_F(CorruptDatabase, ADatabaseThatIsDamagedUnderItServesWhatItKnowsAndNothingFalse) {
  constexpr std::string_view kConfig = "/org/model/resolve/main/config.json";
  const auto right = get(kConfig).body;
  wait_stored(1);
  EXPECT_EQ(get(kConfig).body, right);
  const auto file = data.path() / "hubcache.db";
  std::fstream out(file, std::ios::in | std::ios::out | std::ios::binary);
  const std::string garbage(std::filesystem::file_size(file) - 4'096, 'x');
  out.seekp(4'096);
  out << garbage;
  out.close();
  const auto wal = file.string() + "-wal";
  std::filesystem::resize_file(wal, 0);
  EXPECT_EQ(get(kConfig).body, right);
  for (const auto path : {std::string_view("/org/model/resolve/main/README.md"), kConfig,
                          std::string_view("/gpt2/resolve/main/config.json")}) {
    const auto answer = get(path);
    if (answer.status != 200) {
      // Whether SQLite reads nothing or nonsense: said in our words.
      const bool unread = answer.status == 500 && answer.body == "the database failed";
      const bool damaged = answer.status == 502 && answer.body == "the database is damaged";
      EXPECT_TRUE(unread || damaged) << path << " " << answer.status << " " << answer.body;
      continue;
    }
    const std::string repo = path.starts_with("/gpt2") ? "gpt2" : "org/model";
    EXPECT_TRUE(answer.body == hub.bytes(repo, path.substr(path.rfind('/') + 1))) << path;
  }
  // As docs/operations.md has it: a start says so.
  EXPECT_EQ(kind_thrown_by([this] { restart(); }), Error::Kind::kCorrupt);
}

}  // namespace
}  // namespace hubcache::test
