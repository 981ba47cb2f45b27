#include "hubcache/access/grants.h"

#include <future>
#include <thread>

#include "hubcache/hub/imported.h"

#include "unit/catalog/fixture.h"

namespace hubcache::access {
namespace {

using namespace std::chrono_literals;
using hubsim::Fault;
using RightKind = Right::Kind;

constexpr auto kWeights = "model.safetensors";

class GrantsTest : public test::KnowledgeFixture {
 protected:
  GrantsTest() : KnowledgeFixture({grant_migrations()}) {
    on_change = [this](hub::RepoChange change) { return access->heed(std::move(change)); };
  }

  /// Forgets what is in memory, as a restart does; the rows stay.
  void restart() {
    settle();
    access = std::make_unique<Access>(runner.workers(), *database, Access::Options{}, time);
    sim.clear_log();
  }

  Right read(hub::FileRef what, hub::Credential who = anonymous(), std::size_t worker = 0) {
    auto ask = [](Access& all, hub::Flights& calls, hub::EndpointPtr place, hub::Credential by,
                  hub::FileRef at) -> Task<Right> {
      hub::Probe probe(calls, std::move(place), std::move(by), std::move(at));
      co_return co_await all.require_read(probe);
    };
    return runner.run(ask(*access, *flights, endpoint(), std::move(who), std::move(what)), worker);
  }
  Error refusal(hub::FileRef what, hub::Credential who = anonymous(), std::size_t worker = 0) {
    return test::error_of([&] { read(std::move(what), std::move(who), worker); });
  }
  Right documents(const std::string& repo, hub::Credential who = anonymous(),
                  std::size_t worker = 0) {
    return start_documents(repo, std::move(who), worker).get();
  }
  std::future<Right> start_documents(const std::string& repo, hub::Credential who,
                                     std::size_t worker = 0) {
    return runner.start(access->right_of_repo(endpoint(), std::move(who), model(repo), *flights),
                        worker);
  }
  /// Until the Hub was asked for the right and for something else too, or `right` needs neither.
  void wait_for_both_questions(const std::future<Right>& right) {
    const auto both = [this] { return auth_checks() > 0 && asked("GET") > auth_checks(); };
    while (!both() && right.wait_for(0s) != std::future_status::ready) std::this_thread::yield();
  }
  std::int64_t rows() {
    settle();
    return database->read_now([](db::Connection& sql) {
      auto rows = sql.query("SELECT count(*) FROM grants");
      rows.step();
      return rows.integer(0);
    });
  }
  std::size_t auth_checks() const { return asked("GET", "auth-check"); }

  std::unique_ptr<Access> access =
      std::make_unique<Access>(runner.workers(), *database, Access::Options{}, time);
};

TEST_F(GrantsTest, WhatAnybodyMayReadIsAskedOnceForAll) {
  EXPECT_EQ(read(file("org/model", "config.json")).kind, RightKind::kPublic);
  sim.clear_log();
  EXPECT_EQ(read(file("org/model", kWeights), caller("hf_good"), 1).kind, RightKind::kPublic);
  EXPECT_EQ(documents("org/model", caller("hf_other")).kind, RightKind::kPublic);
  time.advance(29min);
  EXPECT_EQ(read(file("org/model", "README.md")).kind, RightKind::kPublic);
  EXPECT_EQ(asked(), 0U);
  time.advance(2min);
  EXPECT_EQ(read(file("org/model", "README.md")).kind, RightKind::kPublic);
  EXPECT_EQ(auth_checks(), 1U);
}

TEST_F(GrantsTest, ACallersGrantIsTheCallersAlone) {
  const auto weights = file("org/private", kWeights);
  EXPECT_EQ(read(weights, caller("hf_good")).kind, RightKind::kRepo);
  EXPECT_EQ(refusal(weights, caller("hf_other")).kind(), Error::Kind::kNotFound);
  EXPECT_EQ(refusal(weights).kind(), Error::Kind::kUnauthorized);
  sim.clear_log();
  EXPECT_EQ(read(weights, caller("hf_good"), 1).kind, RightKind::kRepo);
  EXPECT_EQ(asked(), 0U);
}

TEST_F(GrantsTest, AGrantOutlivesARestart) {
  read(file("org/private", kWeights), caller("hf_good"));
  restart();
  EXPECT_EQ(read(file("org/private", kWeights), caller("hf_good")).kind, RightKind::kRepo);
  EXPECT_EQ(asked(), 0U);
}

TEST_F(GrantsTest, WhatIsPastItsTimeIsTrimmed) {
  read(file("org/model", kWeights));
  refusal(file("org/private", kWeights));
  const auto all = rows();
  runner.run(access->trim(1'000'000));
  EXPECT_EQ(rows(), all);
  time.advance(12min);
  runner.run(access->trim(1'000'000));
  EXPECT_EQ(rows(), 1);  // refusals hold for a minute
  time.advance(25h);
  EXPECT_EQ(runner.run(access->trim(1'000'000)), 0U);
  EXPECT_EQ(rows(), 0);
}

TEST_F(GrantsTest, TheOldestRowsAreTrimmedAndAskedForAgain) {
  read(file("org/private", kWeights), caller("hf_good"));
  time.advance(4min);
  read(file("org/model", kWeights));
  settle();
  runner.run(access->trim(0));
  EXPECT_EQ(rows(), 2);  // a refusal as young could be what an answer on its way must find
  time.advance(9min);
  const auto both = runner.run(access->trim(1'000'000));
  EXPECT_LT(runner.run(access->trim(both - 1)), both);
  EXPECT_EQ(rows(), 1);
  restart();
  EXPECT_EQ(read(file("org/model", "config.json")).kind, RightKind::kPublic);
  EXPECT_EQ(asked(), 0U);
  EXPECT_EQ(read(file("org/private", kWeights), caller("hf_good")).kind, RightKind::kRepo);
  EXPECT_EQ(auth_checks(), 1U);
}

TEST_F(GrantsTest, WhatWasImportedIsNeverTrimmed) {
  const auto twin = hub::imported_twin(*endpoint());
  runner.run(access->admit_imported(twin, model("org/model"), {"org/old-name"}));
  time.advance(48h);
  EXPECT_GT(runner.run(access->trim(0)), 0U);
  EXPECT_EQ(rows(), 2);
}

TEST_F(GrantsTest, AnotherEpochKnowsNothing) {
  read(file("org/model", kWeights));
  sim.clear_log();
  ++remote.epoch;
  read(file("org/model", kWeights));
  EXPECT_EQ(auth_checks(), 1U);
}

TEST_F(GrantsTest, ATokenIsInNoRow) {
  read(file("org/private", kWeights), caller("hf_good"));
  settle();
  auto keys = [](db::Connection& sql) {
    std::string all;
    for (auto rows = sql.query("SELECT key FROM grants"); rows.step();) all += rows.text(0);
    return all;
  };
  const auto all = database->read_now(keys);
  EXPECT_NE(all.find("org/private"), std::string::npos);
  EXPECT_EQ(all.find("\nhf_good"), std::string::npos);
}

TEST_F(GrantsTest, ARefusalIsRepeatedAsTheHubSaidItFromMemory) {
  const auto first = refusal(file("org/gated", kWeights), caller("hf_other"));
  EXPECT_EQ(first.kind(), Error::Kind::kForbidden);
  sim.clear_log();
  const auto again = refusal(file("org/gated", "config.json"), caller("hf_other"), 1);
  EXPECT_EQ(again.hub().status, first.hub().status);
  EXPECT_EQ(again.hub().code, "GatedRepo");
  EXPECT_EQ(again.hub().message, first.hub().message);
  EXPECT_EQ(asked(), 0U);
  time.advance(61s);
  sim.add_token("hf_other", {.user = "other", .granted = {"org/gated"}});
  EXPECT_EQ(read(file("org/gated", kWeights), caller("hf_other")).kind, RightKind::kRepo);
}

TEST_F(GrantsTest, AnAbsentFileIsNoRefusal) {
  EXPECT_EQ(read(file("org/model", "absent.txt")).kind, RightKind::kPublic);
  EXPECT_EQ(read(file("org/model", "absent.txt", "no-such-branch")).kind, RightKind::kPublic);
}

TEST_F(GrantsTest, ARefusedFileOfAReadableRepoGrantsNothingAndRefusesOnlyItself) {
  sim.set_fault({.kind = Fault::Kind::kStatus, .match = "resolve/main/config.json", .status = 403});
  EXPECT_EQ(refusal(file("org/model", "config.json")).kind(), Error::Kind::kForbidden);
  EXPECT_EQ(read(file("org/model", "README.md")).kind, RightKind::kPublic);
}

TEST_F(GrantsTest, SecurityRule4AFewFilesOfAGatedRepoAreReadableThoughItIsRefused) {
  EXPECT_EQ(read(file("org/gated", "README.md")).kind, RightKind::kFile);
  EXPECT_EQ(refusal(file("org/gated", kWeights)).hub().code, "GatedRepo");
  sim.clear_log();
  EXPECT_EQ(read(file("org/gated", "README.md"), anonymous(), 1).kind, RightKind::kFile);
  EXPECT_EQ(asked(), 0U);
  EXPECT_EQ(read(file("org/gated", "LICENSE")).kind, RightKind::kFile);
  EXPECT_EQ(auth_checks(), 0U);  // refused already
  EXPECT_EQ(refusal(file("org/gated", "LICENSE.txt")).hub().code, "EntryNotFound");
  EXPECT_EQ(refusal(file("org/gated", "folder/README.md")).hub().code, "GatedRepo");
}

TEST_F(GrantsTest, SecurityRule4AGrantForOneFileIsForThatVeryFile) {
  read(file("org/gated", "README.md"));
  sim.clear_log();
  EXPECT_EQ(read(file("org/gated", "README.md", sim.sha("org/gated"))).kind, RightKind::kFile);
  EXPECT_EQ(asked("HEAD"), 2U);  // resolve, and where it leads: asked for this revision too
}

TEST_F(GrantsTest, SecurityRule4DocumentsOfAGatedRepoAreOfTheRefusedClass) {
  const auto refused = documents("org/gated");
  EXPECT_TRUE(refused.refused());
  EXPECT_EQ(refused.refusal.code, "GatedRepo");
  EXPECT_EQ(refused.document_class(), "refused");
  EXPECT_EQ(documents("org/gated", caller("hf_good")).document_class(), "granted");
  EXPECT_EQ(documents("org/model").document_class(), "public");
}

TEST_F(GrantsTest, SecurityRule7AStaleRightServesWhileTheOriginIsDown) {
  const auto weights = file("org/private", kWeights);
  read(weights, caller("hf_good"));
  time.advance(23h);
  sim.stop();
  const auto right = read(weights, caller("hf_good"));
  EXPECT_EQ(right.kind, RightKind::kRepo);
  EXPECT_TRUE(right.stale);
  EXPECT_TRUE(documents("org/private", caller("hf_good")).stale);
  EXPECT_EQ(refusal(weights, caller("hf_other")).kind(), Error::Kind::kUpstream);
  EXPECT_EQ(refusal(weights).kind(), Error::Kind::kUpstream);
  time.advance(2h);
  EXPECT_EQ(refusal(weights, caller("hf_good")).kind(), Error::Kind::kUpstream);
}

TEST_F(GrantsTest, SecurityRule7AStaleRightIsNoneWhenTheHubOnlyWantsFewerRequests) {
  const auto weights = file("org/private", kWeights);
  read(weights, caller("hf_good"));
  time.advance(6min);
  sim.set_fault({.kind = Fault::Kind::kStatus, .status = 429});
  EXPECT_EQ(refusal(weights, caller("hf_good")).kind(), Error::Kind::kTooManyRequests);
}

TEST_F(GrantsTest, SecurityRule7AStaleRightIsNoneWhenOneOfTwoQuestionsOnlyCameTooEarly) {
  const auto weights = file("org/private", kWeights);
  read(weights, caller("hf_good"));
  time.advance(6min);
  sim.set_fault({.kind = Fault::Kind::kStatus, .match = "auth-check", .status = 429});
  sim.set_fault({.kind = Fault::Kind::kStatus, .match = "resolve", .status = 503});
  EXPECT_EQ(refusal(weights, caller("hf_good")).kind(), Error::Kind::kUpstream);
}

TEST_F(GrantsTest, SecurityRule7AStaleRightIsNoneWhenOneRouteAloneFails) {
  read(file("org/private", kWeights), caller("hf_good"));
  time.advance(6min);
  for (const auto* const failing : {"auth-check", "/resolve/"}) {
    sim.set_fault({.kind = Fault::Kind::kStatus, .match = failing, .status = 500});
  }
  const auto fails = [this] { documents("org/private", caller("hf_good")); };
  EXPECT_EQ(test::kind_thrown_by(fails), Error::Kind::kUpstream);
  sim.set_fault({.kind = Fault::Kind::kStatus, .status = 500});
  EXPECT_TRUE(documents("org/private", caller("hf_good")).stale);
}

TEST_F(GrantsTest, SecurityRule7AStaleRightIsNoneWhenOneRouteAloneIsNeverAnswered) {
  read(file("org/private", kWeights), caller("hf_good"));
  time.advance(6min);
  remote.timeouts.first_byte = 2s;
  sim.set_fault({.kind = Fault::Kind::kDelay, .match = "auth-check", .delay = 1h});
  const auto fails = [this] { documents("org/private", caller("hf_good")); };
  EXPECT_EQ(test::kind_thrown_by(fails), Error::Kind::kUpstreamTimeout);
}

TEST_F(GrantsTest, SecurityRule7AStaleRightServesWhileNothingIsEverAnswered) {
  const auto weights = file("org/private", kWeights);
  read(weights, caller("hf_good"));
  time.advance(6min);
  remote.timeouts.first_byte = 50ms;
  sim.set_fault({.kind = Fault::Kind::kDelay, .delay = 1h});
  EXPECT_TRUE(documents("org/private", caller("hf_good")).stale);
  EXPECT_TRUE(read(weights, caller("hf_good")).stale);
}

TEST_F(GrantsTest, SecurityRule7WhetherTheHubIsThereIsFoundOutWhileOneRouteIsSilent) {
  read(file("org/private", kWeights), caller("hf_good"));
  time.advance(6min);
  sim.clear_log();
  sim.set_fault({.kind = Fault::Kind::kDelay, .match = "auth-check", .delay = 1h});
  auto right = start_documents("org/private", caller("hf_good"));
  wait_for_both_questions(right);
  EXPECT_EQ(auth_checks(), 1U);
  EXPECT_EQ(asked("GET", "/api/models/org/private"), 2U);
  sim.clear_faults();  // it was slow, no more than that
  const auto given = right.get();
  EXPECT_EQ(given.kind, RightKind::kRepo);
  EXPECT_FALSE(given.stale);
}

TEST_F(GrantsTest, SecurityRule7ARefusalOfAnotherRouteWinsOverARightThatIsBeingAskedFor) {
  const auto weights = file("org/private", kWeights);
  read(weights, caller("hf_good"));
  time.advance(6min);
  sim.clear_log();
  sim.set_fault({.kind = Fault::Kind::kDelay, .match = "/api/", .delay = 1h});
  auto right = start_documents("org/private", caller("hf_good"));
  wait_for_both_questions(right);
  sim.add_token("hf_good", {.user = "good"});
  runner.run(hubs[0]->head_file(endpoint(), caller("hf_good"), weights));
  sim.stop();
  EXPECT_EQ(test::kind_thrown_by([&] { right.get(); }), Error::Kind::kUpstream);
}

TEST_F(GrantsTest, SecurityRule7AStaleRightToOneFileIsNoneWhenItsRouteAloneFails) {
  const auto readme = file("org/gated", "README.md");
  ASSERT_EQ(read(readme).kind, RightKind::kFile);
  time.advance(6min);
  ASSERT_EQ(refusal(file("org/gated", kWeights)).hub().code, "GatedRepo");
  sim.set_fault({.kind = Fault::Kind::kStatus, .match = "/resolve/", .status = 500});
  EXPECT_EQ(refusal(readme).kind(), Error::Kind::kUpstream);  // it is not refused
  sim.set_fault({.kind = Fault::Kind::kStatus, .match = "auth-check", .status = 500});
  EXPECT_TRUE(read(readme).stale);
}

TEST_F(GrantsTest, SecurityRule7ARefusalWinsThoughTheOtherQuestionFailed) {
  const auto weights = file("org/private", kWeights);
  for (const auto* const failing : {"/resolve/", "auth-check"}) {
    sim.add_token("hf_good", {.user = "good", .granted = {"org/private"}});
    time.advance(61s);
    ASSERT_EQ(read(weights, caller("hf_good")).kind, RightKind::kRepo);
    time.advance(6min);
    sim.add_token("hf_good", {.user = "good"});
    sim.set_fault({.kind = Fault::Kind::kStatus, .match = failing, .status = 503});
    EXPECT_EQ(refusal(weights, caller("hf_good")).hub().code, "RepoNotFound") << failing;
    sim.clear_faults();
  }
  sim.stop();
  EXPECT_THROW(read(weights, caller("hf_good")), Error);
}

TEST_F(GrantsTest, SecurityRule7ARefusalTakesBackThatARepoWasPublicEverywhere) {
  const auto config = file("org/model", "config.json");
  for (std::size_t i = 0; i < 2; ++i) read(config, anonymous(), i);
  sim.set_visibility("org/model", {.is_private = true});
  const auto tree =
      hub::DocumentQuery{.repo = model("org/model"), .target = "/api/models/org/model"};
  runner.run(flights->document(endpoint(), caller("hf_other"), tree));
  for (std::size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(refusal(config, anonymous(), i).kind(), Error::Kind::kUnauthorized);
  }
  sim.stop();
  restart();
  EXPECT_THROW(read(config), Error);
}

TEST_F(GrantsTest, SecurityRule7ARefusedFileEndsTheGrantsOfItsCaller) {
  const auto config = file("org/private", "config.json");
  for (std::size_t i = 0; i < 2; ++i) read(config, caller("hf_good"), i);
  sim.add_token("hf_good", {.user = "good"});
  runner.run(hubs[0]->head_file(endpoint(), caller("hf_good"), file("org/private", kWeights)));
  for (std::size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(refusal(config, caller("hf_good"), i).hub().code, "RepoNotFound");
  }
}

TEST_F(GrantsTest, SecurityRule7WhatEverybodyMayReadIsAskedForAsAnybody) {
  read(file("org/model", "config.json"));
  hub::Probe probe(*flights, endpoint(), caller("hf_good"), file("org/model", kWeights));
  const auto settle_probe = [](Access& all, hub::Probe& asks) -> Task<void> {
    co_await all.require_read(asks);
  };
  runner.run(settle_probe(*access, probe));
  EXPECT_EQ(probe.credential().kind, hub::Credential::Kind::kAnonymous);
  hub::Probe own(*flights, endpoint(), caller("hf_good"), file("org/private", kWeights));
  runner.run(settle_probe(*access, own));
  EXPECT_EQ(own.credential().token, "hf_good");
}

TEST_F(GrantsTest, SecurityRule7ARefusedDownloadEndsTheGrantsOfItsCaller) {
  const auto config = file("org/private", "config.json");
  read(config, caller("hf_good"));
  sim.add_token("hf_good", {.user = "good"});
  EXPECT_THROW(runner.run(hubs[0]->open_file(endpoint(), caller("hf_good"), config, "",
                                             std::nullopt, 0, 10)),
               Error);
  sim.stop();
  EXPECT_THROW(read(config, caller("hf_good")), Error);
  restart();
  EXPECT_THROW(read(config, caller("hf_good")), Error);
}

TEST_F(GrantsTest, SecurityRule7ARefusalEndsWhatWasGrantedOfOneFile) {
  const auto readme = file("org/gated", "README.md");
  for (std::size_t i = 0; i < 2; ++i)
    ASSERT_EQ(read(readme, anonymous(), i).kind, RightKind::kFile);
  time.advance(1s);
  const auto info =
      hub::DocumentQuery{.repo = model("org/gated"), .target = "/api/models/org/gated"};
  runner.run(flights->document(endpoint(), anonymous(), info));  // which is for everybody
  EXPECT_EQ(read(readme).kind, RightKind::kFile);
  sim.set_visibility("org/gated", {.is_private = true});
  runner.run(flights->document(endpoint(), anonymous(), info));
  for (std::size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(refusal(readme, anonymous(), i).hub().code, "RepoNotFound");
  }
}

TEST_F(GrantsTest, SecurityRule7WhatIsAbsentIsNoRefusalOfTheRepo) {
  read(file("org/model", "config.json"));
  sim.clear_log();
  for (const auto* const revision : {"main", "no-such-branch"}) {
    runner.run(flights->head_file(endpoint(), anonymous(), file("org/model", "none", revision)));
  }
  sim.clear_log();
  EXPECT_EQ(read(file("org/model", "config.json")).kind, RightKind::kPublic);
  EXPECT_EQ(asked(), 0U);
}

TEST_F(GrantsTest, SecurityRule7ARightFromTheFutureIsNone) {
  read(file("org/model", "config.json"));
  time.advance(-2h);
  sim.clear_log();
  EXPECT_EQ(read(file("org/model", "config.json")).kind, RightKind::kPublic);
  EXPECT_EQ(auth_checks(), 1U);
  sim.clear_log();
  EXPECT_EQ(read(file("org/model", "config.json")).kind, RightKind::kPublic);
  EXPECT_EQ(asked(), 0U);
}

TEST_F(GrantsTest, SecurityRule9ARepoIsKeyedByTheHubsOwnSpelling) {
  EXPECT_EQ(read(file("org/old-name", "config.json")).repo, model("org/new-name"));
  EXPECT_EQ(read(file("ORG/model", "config.json")).repo, model("org/model"));
  EXPECT_EQ(documents("org/OLD-name").repo, model("org/new-name"));
  EXPECT_EQ(read(file("org/Gated", "README.md")).repo, model("org/gated"));
  EXPECT_EQ(documents("org/Gated").repo, model("org/gated"));
  sim.clear_log();
  for (std::size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(read(file("org/new-name", "config.json"), anonymous(), i).kind, RightKind::kPublic);
    EXPECT_EQ(read(file("org/old-name", "config.json"), anonymous(), i).repo.name, "org/new-name");
    EXPECT_EQ(refusal(file("org/Gated", kWeights), anonymous(), i).hub().code, "GatedRepo");
  }
  restart();
  EXPECT_EQ(read(file("org/old-name", "config.json")).repo.name, "org/new-name");
  EXPECT_EQ(asked(), 0U);
}

TEST_F(GrantsTest, SecurityRule9AnAliasLivesAsLongAsAGrant) {
  const auto config = file("org/old-name", "config.json");
  read(config);
  time.advance(31min);
  read(file("org/new-name", "config.json"));
  sim.clear_log();
  read(config);
  EXPECT_EQ(auth_checks(), 2U);  // by the old name, and where it leads
  time.advance(2h);
  sim.stop();
  const auto right = read(config);
  EXPECT_TRUE(right.stale);
  EXPECT_EQ(right.repo.name, "org/new-name");
}

TEST_F(GrantsTest, SecurityRule9AnAliasOfDocumentsOpensNoFiles) {
  read(file("org/new-name", "config.json"));
  EXPECT_EQ(documents("org/old-name").repo.name, "org/new-name");
  sim.clear_log();
  EXPECT_EQ(documents("org/old-name").repo.name, "org/new-name");
  EXPECT_EQ(read(file("org/new-name", "config.json")).kind, RightKind::kPublic);  // as before
  EXPECT_EQ(asked(), 0U);
  EXPECT_EQ(read(file("org/old-name", "config.json")).kind, RightKind::kPublic);
  EXPECT_GE(asked("HEAD", "/org/old-name/"), 1U);
}

TEST_F(GrantsTest, SecurityRule9AnAliasOpensNothing) {
  sim.rename("org/private", "org/hidden");
  sim.rename("org/gated", "org/closed");
  sim.add_token("hf_good", {.user = "good", .granted = {"org/hidden", "org/closed"}});
  EXPECT_EQ(read(file("org/private", kWeights), caller("hf_good")).repo.name, "org/hidden");
  EXPECT_EQ(refusal(file("org/gated", kWeights)).hub().code, "GatedRepo");  // everybody's alias
  for (const auto* const name : {"org/private", "org/gated"}) {
    EXPECT_THROW(read(file(name, kWeights), caller("hf_other")), Error) << name;
  }
  EXPECT_EQ(read(file("org/gated", kWeights), caller("hf_good")).kind, RightKind::kRepo);
}

TEST_F(GrantsTest, SecurityRule9ARefusalByOneNameClosesAllNames) {
  const auto by_old = file("org/old-name", "config.json");
  const auto by_new = file("org/new-name", "config.json");
  const std::string names[] = {"org/new-name", "org/old-name"};
  for (const auto& refused : names) {
    sim.set_visibility("org/new-name", {});
    time.advance(61s);
    read(by_old);
    read(by_new);
    sim.set_visibility("org/new-name", {.is_private = true});
    runner.run(flights->head_file(endpoint(), anonymous(), file(refused, "other.txt")));
    sim.clear_log();
    for (std::size_t i = 0; i < 2; ++i) {
      EXPECT_EQ(refusal(by_new, anonymous(), i).hub().code, "RepoNotFound") << refused;
      EXPECT_EQ(refusal(by_old, anonymous(), i).hub().code, "RepoNotFound") << refused;
    }
  }
}

TEST_F(GrantsTest, SecurityRule9ARefusedRightByOneNameClosesAllNames) {
  read(file("org/old-name", "config.json"), caller("hf_other"));
  time.advance(6min);
  read(file("org/new-name", "config.json"), caller("hf_other"));
  // The alias has ended, the grant has not.
  sim.set_visibility("org/new-name", {.is_private = true});
  EXPECT_TRUE(documents("org/old-name", caller("hf_other")).refused());
  EXPECT_TRUE(documents("org/new-name", caller("hf_other")).refused());
}

TEST_F(GrantsTest, SecurityRule9ARepoThatIsRenamedWhileItIsKnownIsLookedUpAnew) {
  read(file("org/model", "config.json"));
  sim.rename("org/model", "org/renamed");
  EXPECT_EQ(read(file("org/model", "config.json")).repo.name, "org/model");
  runner.run(flights->head_file(endpoint(), anonymous(), file("org/model", "other.txt")));
  for (std::size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(read(file("org/model", "config.json"), anonymous(), i).repo.name, "org/renamed");
  }
}

TEST_F(GrantsTest, SecurityRule9AnOldNameThatSomebodyTookIsTheirsWhenTheAliasHasEnded) {
  const auto config = file("org/old-name", "config.json");
  read(config);
  sim.add_repo({.id = "org/old-name", .visibility = {.is_private = true}});
  sim.add_token("hf_owner", {.user = "owner", .granted = {"org/old-name"}});
  EXPECT_EQ(read(config, caller("hf_owner")).repo.name, "org/new-name");
  time.advance(31min);
  const auto theirs = read(config, caller("hf_owner"));
  EXPECT_EQ(theirs.kind, RightKind::kRepo);
  EXPECT_EQ(theirs.repo.name, "org/old-name");
  EXPECT_EQ(refusal(config).kind(), Error::Kind::kUnauthorized);
  sim.stop();
  EXPECT_THROW(read(config), Error);  // the alias does not come back
}

TEST_F(GrantsTest, SecurityRule9NoRepoIsGrantedWhereFilesAndAuthCheckEndApart) {
  auto behaviour = sim.behaviour();
  behaviour.redirect_names = false;  // the API redirects old names, files are served under them
  behaviour.direct_files = true;
  sim.set_behaviour(behaviour);
  EXPECT_EQ(documents("org/old-name").kind, RightKind::kPublic);
  const auto right = read(file("org/old-name", "config.json"));
  EXPECT_EQ(right.kind, RightKind::kFile);
  EXPECT_EQ(right.repo.name, "org/old-name");
  behaviour.redirect_names = true;
  sim.set_behaviour(behaviour);
  EXPECT_EQ(read(file("org/old-name", "config.json", "HEAD")).kind, RightKind::kPublic);
}

TEST_F(GrantsTest, SecurityRule9ARightToDocumentsOpensFilesOnlyWithAHeadThatAgrees) {
  EXPECT_EQ(documents("org/private", caller("hf_good")).kind, RightKind::kRepo);
  sim.clear_log();
  EXPECT_EQ(read(file("org/private", kWeights), caller("hf_good")).kind, RightKind::kRepo);
  EXPECT_EQ(auth_checks(), 0U);
  EXPECT_GE(asked("HEAD"), 1U);
  sim.clear_log();
  EXPECT_EQ(read(file("org/private", "config.json"), caller("hf_good")).kind, RightKind::kRepo);
  EXPECT_EQ(asked(), 0U);
}

}  // namespace
}  // namespace hubcache::access
