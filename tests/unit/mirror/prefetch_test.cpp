#include "hubcache/mirror/prefetch.h"

#include <mutex>
#include <set>
#include <thread>

#include "hubcache/access/grants.h"
#include "hubcache/catalog/catalog.h"
#include "hubcache/catalog/documents.h"

#include "unit/catalog/fixture.h"

namespace hubcache::mirror {
namespace {

using namespace std::chrono_literals;

/// A run of a task without a queue.
class Told final : public tasks::Run {
 public:
  explicit Told(std::string arguments) : arguments_(std::move(arguments)) {}
  const std::string& arguments() const override { return arguments_; }
  void report(tasks::Report report) override { last[report.code] = std::move(report); }

  std::map<std::string, tasks::Report> last;

 private:
  std::string arguments_;
};

/// An `immediate` remote to the simulated Hub; what is fetched is noted, and not stored.
class PrefetchTest : public test::KnowledgeFixture {
 protected:
  PrefetchTest()
      : KnowledgeFixture({store::migrations(), catalog::catalog_migrations(),
                          catalog::document_migrations(), access::grant_migrations(),
                          tasks::migrations(), migrations()}) {
    std::filesystem::create_directory(dir / "data");
    store.recover();
    publish(registry::Policy::kImmediate);
    make();
  }
  ~PrefetchTest() override {
    runner.run(tasks.shut_down());
    runner.stop();
  }

  void publish(registry::Policy policy) {
    std::vector<registry::Remote> remotes;
    remotes.push_back({.id = "r", .name = "r", .policy = policy, .endpoint = endpoint()});
    std::vector<registry::Distribution> distributions;
    distributions.push_back(
        {.id = "d", .name = "d", .base_path = "d", .remote = "r", .content_guard = std::nullopt});
    runner.run(registry.publish(std::make_shared<const registry::Snapshot>(
        ++version, std::move(remotes), std::move(distributions), std::nullopt)));
  }
  void make(std::uint64_t max_size = 1 << 30) {
    auto fetch = [this](hub::EndpointPtr /*endpoint*/, hub::Credential credential,
                        hub::FileRef file) -> Task<bool> {
      const std::lock_guard lock(mutex);
      fetched.insert(file.path);
      right = credential.kind;
      co_return file.path != full_at;
    };
    prefetch =
        std::make_shared<Prefetch>(Prefetch::Services{.workers = runner.workers(),
                                                      .database = *database,
                                                      .registry = registry,
                                                      .rules = rules,
                                                      .store = store,
                                                      .access = access,
                                                      .manifests = manifests,
                                                      .flights = *flights,
                                                      .fills = fills,
                                                      .tasks = tasks,
                                                      .clock = time,
                                                      .log = log},
                                   std::move(fetch), Prefetch::Options{.max_size = max_size});
  }

  /// Somebody reads a file of the repo on that worker.
  void read(const std::string& repo, std::size_t worker = 0) {
    const auto commit = sim.sha(repo);
    runner.call([&] { prefetch->want(*endpoint(), model(repo), commit); }, worker);
    settle();
  }
  std::vector<tasks::Record> recorded() {
    return database->read_now([](db::Connection& sql) { return tasks::all(sql); });
  }
  /// Does the only task; what it reported, its error thrown.
  std::map<std::string, tasks::Report> run_task() {
    const auto all = recorded();
    EXPECT_EQ(all.size(), 1u);
    Told told(all.at(0).arguments);
    runner.run(prefetch->run(told));
    return told.last;
  }
  std::string failure_of_task() {
    const auto error = test::error_of([this] { run_task(); });
    settle();
    return error.what();
  }

  const std::set<std::string> kAllOfModel{".gitattributes",    "README.md",
                                          "config.json",       "empty.txt",
                                          "model.safetensors", "nested/a folder/café au lait.txt",
                                          "tokenizer.json",    "tokenizer_config.json"};

  store::PosixDisk disk;
  Pool pool{"disk", 2};
  store::Store store{{.data_dir = dir / "data", .min_free = 0},
                     disk,
                     *database,
                     pool,
                     runner.executor(),
                     time,
                     log};
  std::uint64_t version = 1;
  registry::Registry registry{
      runner.workers(),
      std::make_shared<const registry::Snapshot>(
          1, std::vector<registry::Remote>(), std::vector<registry::Distribution>(), std::nullopt)};
  registry::RuleBook rules{runner.workers(), {}};
  access::Access access{runner.workers(), *database, {}, time};
  catalog::Documents documents{runner.workers(), *database, {}, time};
  catalog::Manifests manifests{runner.workers(), *database, documents, {}, time, log};
  fill::Fills fills{runner.workers(), store, {}, time, log};
  tasks::Queue tasks{runner.workers(), *database, {}, time, log};  // which does nothing itself
  std::shared_ptr<Prefetch> prefetch;

  std::mutex mutex;
  std::set<std::string> fetched;
  hub::Credential::Kind right = hub::Credential::Kind::kCaller;
  std::string full_at;  // the path that there is no room for
};

TEST_F(PrefetchTest, ACommitIsRecordedOnceWhoeverReadsIt) {
  read("org/model");
  read("org/model");
  read("org/model", 1);
  EXPECT_EQ(recorded().size(), 1u);
  make();  // after a restart nothing is remembered in memory
  read("org/model");
  EXPECT_EQ(recorded().size(), 1u);
  sim.add_file("org/model", "more.txt", "more");  // another commit
  read("org/model");
  read("gpt2");
  EXPECT_EQ(recorded().size(), 3u);
}

TEST_F(PrefetchTest, AllFilesOfTheCommitAreFetchedByAnybodysRight) {
  read("org/model");
  const auto told = run_task();
  EXPECT_EQ(fetched, kAllOfModel);
  EXPECT_EQ(right, hub::Credential::Kind::kAnonymous);
  EXPECT_EQ(told.at("prefetch.files").done, 8);
  EXPECT_EQ(told.at("prefetch.files").total, 8);
  EXPECT_EQ(told.at("prefetch.bytes").done, told.at("prefetch.bytes").total);
  EXPECT_GT(told.at("prefetch.bytes").done, 20971736);
}

TEST_F(PrefetchTest, WhatTheRemotesTokenMayReadIsFetchedByIt) {
  remote.token = "hf_good";
  publish(registry::Policy::kImmediate);
  read("org/private");
  run_task();
  EXPECT_EQ(fetched.size(), 3u);
  EXPECT_EQ(right, hub::Credential::Kind::kRemote);
}

TEST_F(PrefetchTest, WhatIsNotForTheRemoteIsNotFetchedAndMayBeTriedAgain) {
  read("org/private");
  EXPECT_NE(failure_of_task().find("lets the remote not read org/private"), std::string::npos);
  EXPECT_TRUE(fetched.empty());
  time.advance(11min);
  read("org/private");
  EXPECT_EQ(recorded().size(), 2u);
}

TEST_F(PrefetchTest, ARemoteThatIsAnotherOneByNowHasNothingFetched) {
  read("org/model");
  publish(registry::Policy::kOnDemand);
  run_task();
  ++remote.epoch;
  publish(registry::Policy::kImmediate);
  run_task();
  EXPECT_TRUE(fetched.empty());
}

TEST_F(PrefetchTest, NothingIsFetchedOfACommitThatIsTooLarge) {
  make(20'000'000);
  read("org/model");
  EXPECT_NE(failure_of_task().find("prefetch_max_size"), std::string::npos);
  EXPECT_TRUE(fetched.empty());
}

TEST_F(PrefetchTest, WithoutRoomForAFileItEnds) {
  full_at = "config.json";
  read("org/model");
  EXPECT_NE(failure_of_task().find("config.json"), std::string::npos);
  EXPECT_FALSE(fetched.contains("tokenizer_config.json"));
}

TEST_F(PrefetchTest, ATreeThatCannotBeReadIsAnError) {
  sim.set_fault({.kind = hubsim::Fault::Kind::kStatus, .match = "/tree/", .status = 403});
  read("org/model");
  EXPECT_NE(failure_of_task().find("The Hub shows no tree"), std::string::npos);
}

TEST_F(PrefetchTest, WhatTheRulesLetNobodyReadIsLeftOut) {
  runner.run(rules.put_in_force({{.name = "x", .deny_files = {"*.safetensors", "nested/*"}}}));
  read("org/model");
  const auto told = run_task();
  EXPECT_EQ(fetched.size(), 6u);
  EXPECT_EQ(told.at("prefetch.files").total, 6);
  EXPECT_LT(told.at("prefetch.bytes").total, 1'000'000);
}

TEST_F(PrefetchTest, ALostFileIsFetchedAnewWhereThatMayBe) {
  const auto lost = *Digest::from_text(
      "sha256:2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881");  // of "x"
  const auto refetch = [&](const std::string& scope) {
    return runner.run(prefetch->refetch({.key = "k",
                                         .scope = scope,
                                         .repo = model("org/model"),
                                         .commit = sim.sha("org/model"),
                                         .path = "config.json",
                                         .digest = lost,
                                         .size = 1}));
  };
  EXPECT_FALSE(refetch(endpoint()->scope())) << "what was only passed on is not stored";
  EXPECT_EQ(fetched, std::set<std::string>{"config.json"});
  auto staging = runner.run(store.stage({.digest = lost, .size = 1, .origin = "o", .via = ""}));
  runner.run(staging->write(0, std::as_bytes(std::span("x", 1))));
  runner.run(staging->verify());
  runner.run(staging->seal());
  staging.reset();
  EXPECT_TRUE(refetch(endpoint()->scope()));
  EXPECT_FALSE(refetch("r/99"));
  EXPECT_FALSE(refetch("other/0"));
  runner.run(rules.put_in_force({{.name = "x", .deny_repos = {"org/*"}}}));
  EXPECT_FALSE(refetch(endpoint()->scope()));
  EXPECT_EQ(fetched.size(), 1u);
}

}  // namespace
}  // namespace hubcache::mirror
