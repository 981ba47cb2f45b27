#include "hubcache/catalog/documents.h"

#include "unit/catalog/fixture.h"

namespace hubcache::catalog {
namespace {

using namespace std::chrono_literals;
using hubsim::Fault;

constexpr auto kTree = "/api/models/org/model/tree/main";
constexpr auto kGatedTree = "/api/models/org/gated/tree/main";

class DocumentsTest : public test::KnowledgeFixture {
 protected:
  DocumentsTest() : KnowledgeFixture({document_migrations()}) {}

  Document get(const std::string& target, std::string_view kind = "public",
               hub::Credential who = anonymous(), bool at_commit = false) {
    return get_from(documents, target, kind, std::move(who), at_commit);
  }
  Document get_from(Documents& from, const std::string& target, std::string_view kind = "public",
                    hub::Credential who = anonymous(), bool at_commit = false) {
    const auto repo = target.find("gated") == std::string::npos ? "org/model" : "org/gated";
    DocumentRequest request{.endpoint = endpoint(),
                            .credential = std::move(who),
                            .repo = model(repo),
                            .query = {.repo = model(repo), .target = target, .form = form},
                            .kind = kind,
                            .at_commit = at_commit};
    const auto document = runner.run(from.get(std::move(request), *flights));
    settle();
    return *document;
  }
  std::int64_t rows() {
    return database->read_now([](db::Connection& sql) {
      auto count = sql.query("SELECT count(*) FROM documents");
      count.step();
      return count.integer(0);
    });
  }

  /// On that worker.
  std::shared_ptr<const Document> get_large(std::size_t worker) {
    DocumentRequest request{.endpoint = endpoint(),
                            .credential = anonymous(),
                            .repo = model("org/model"),
                            .query = {.repo = model("org/model"), .target = kTree},
                            .kind = "public"};
    auto document = runner.run(large.get(std::move(request), *flights), worker);
    settle();
    return document;
  }

  std::string form;
  Documents documents{runner.workers(), *database, Documents::Options{}, time};
  std::shared_ptr<MemoryRoom> room = std::make_shared<MemoryRoom>(std::size_t{1} << 20);
  /// To which each is a large one.
  Documents large{runner.workers(), *database,
                  Documents::Options{.remembered_size = 1, .room = room}, time};
};

TEST_F(DocumentsTest, ADocumentIsAskedForOnceWithinItsTime) {
  const auto first = get(kTree);
  EXPECT_EQ(first.status, 200);
  sim.commit("org/model", "main", {{.path = "new.txt", .content = "new"}});
  const auto again = get(kTree);
  EXPECT_EQ(again.body, first.body);
  EXPECT_EQ(again.etag, first.etag);
  EXPECT_EQ(again.content_type, first.content_type);
  EXPECT_EQ(asked("GET"), 1U);
  time.advance(61s);
  EXPECT_NE(get(kTree).body, first.body);
}

TEST_F(DocumentsTest, AtACommitADocumentIsKeptForGood) {
  const auto target = "/api/models/org/model/tree/" + sim.sha("org/model");
  get(target, "public", anonymous(), true);
  time.advance(24h * 365);
  sim.stop();
  EXPECT_FALSE(get(target, "public", anonymous(), true).stale);
}

TEST_F(DocumentsTest, SecurityRule9WhatTheHubHasUnderAnotherNameIsNotKept) {
  get(kTree);
  sim.rename("org/model", "org/renamed");
  time.advance(61s);
  for (int i = 0; i < 2; ++i) {
    const auto moved = get(kTree);
    EXPECT_TRUE(moved.just_asked);
    EXPECT_EQ(moved.canonical, model("org/renamed"));
  }
}

TEST_F(DocumentsTest, TheRawQueryIsPartOfTheKey) {
  const auto flat = get(kTree);
  EXPECT_NE(get(std::string(kTree) + "?recursive=true").body, flat.body);
  EXPECT_EQ(asked("GET"), 2U);
}

TEST_F(DocumentsTest, AStaleDocumentServesWhileTheHubFailsOrWantsFewerRequests) {
  const auto first = get(kTree);
  time.advance(2h);
  sim.set_fault({.kind = Fault::Kind::kStatus, .status = 429});
  EXPECT_TRUE(get(kTree).stale);
  sim.stop();
  const auto stale = get(kTree);
  EXPECT_TRUE(stale.stale);
  EXPECT_EQ(stale.body, first.body);
  EXPECT_THROW(get("/api/models/org/model/tree/dev"), Error);
}

TEST_F(DocumentsTest, AnAbsenceAtACommitIsKeptForGood) {
  const auto target = "/api/models/org/model/tree/" + sim.sha("org/model") + "/no-such-folder";
  EXPECT_EQ(get(target, "public", anonymous(), true).status, 404);
  sim.stop();
  const auto again = get(target, "public", anonymous(), true);
  EXPECT_EQ(again.status, 404);
  EXPECT_EQ(again.error_code, "EntryNotFound");
}

TEST_F(DocumentsTest, AFormIsPostedAndPartOfTheKey) {
  const auto target = "/api/models/org/model/paths-info/" + sim.sha("org/model");
  form = "paths=README.md&expand=false";
  const auto readme = get(target, "public", anonymous(), true);
  EXPECT_NE(readme.body.view().find("README.md"), std::string::npos);
  form = "paths=config.json&expand=false";
  EXPECT_NE(get(target, "public", anonymous(), true).body, readme.body);
  form = "paths=README.md&expand=false";
  EXPECT_EQ(get(target, "public", anonymous(), true).body, readme.body);
  EXPECT_EQ(asked("POST"), 2U);
}

TEST_F(DocumentsTest, ALargeDocumentIsNotKeptInMemoryButInItsRow) {
  Documents small{runner.workers(), *database, {.remembered_size = 1}, time};
  DocumentRequest request{.endpoint = endpoint(),
                          .credential = anonymous(),
                          .repo = model("org/model"),
                          .query = {.repo = model("org/model"), .target = kTree},
                          .kind = "public"};
  const auto first = runner.run(small.get(request, *flights));
  settle();
  EXPECT_EQ(runner.run(small.get(request, *flights))->body, first->body);
  EXPECT_EQ(asked("GET"), 1U);
}

TEST_F(DocumentsTest, ThatThereIsNoRevisionOrPathIsKeptForItsTime) {
  const std::string revision = "/api/models/org/model/tree/nowhere";
  const std::string folder = "/api/models/org/model/tree/main/nowhere";
  EXPECT_EQ(get(revision).error_code, "RevisionNotFound");
  EXPECT_EQ(get(folder).error_code, "EntryNotFound");
  EXPECT_EQ(get(revision).status, 404);
  EXPECT_EQ(get(folder).status, 404);
  EXPECT_EQ(asked("GET"), 2U);
  time.advance(2min);
  EXPECT_EQ(get(revision).status, 404);
  EXPECT_EQ(asked("GET"), 3U);
  time.advance(2min);
  sim.stop();
  EXPECT_TRUE(get(revision).stale);
}

TEST_F(DocumentsTest, SecurityRule13AnAbsenceWithoutTheVeryCommitIsNotKept) {
  const auto folder = "/api/models/org/model/tree/" + sim.sha("org/model") + "/nowhere";
  for (const auto& commit : {std::string(), std::string(40, 'e')}) {
    sim.clear_faults();
    sim.set_fault({.kind = Fault::Kind::kHeader, .headers = {{"X-Repo-Commit", commit}}});
    sim.clear_log();
    for (int i = 0; i < 2; ++i) {
      EXPECT_EQ(get(folder, "public", anonymous(), true).error_code, "EntryNotFound");
    }
    EXPECT_EQ(asked("GET"), 2U) << commit;
  }
}

TEST_F(DocumentsTest, ThatACommitIsGoneIsNotForEver) {
  const std::string tree = "/api/models/org/model/tree/" + std::string(40, 'e');
  EXPECT_EQ(get(tree, "public", anonymous(), true).error_code, "RevisionNotFound");
  get(tree, "public", anonymous(), true);
  EXPECT_EQ(asked("GET"), 2U);
}

TEST_F(DocumentsTest, SecurityRule15NothingIsKeptThatTheDatabaseHasNoRoomFor) {
  Documents full{runner.workers(), *database, {.max_metadata = 1'000'000}, time};
  const auto first = get_from(full, kTree);
  EXPECT_EQ(rows(), 1);
  database->write_now([](db::Connection& sql) {
    sql.script("CREATE TABLE others (body)");
    sql.run("INSERT INTO others VALUES (zeroblob(2000000))");
  });
  sim.commit("org/model", "main", {{.path = "new.txt", .content = "new"}});
  time.advance(61s);
  const auto newer = get_from(full, kTree);
  EXPECT_NE(newer.body, first.body);
  EXPECT_EQ(rows(), 0);  // what was known before is no answer any more
  get_from(full, std::string(kTree) + "?recursive=true");
  EXPECT_EQ(rows(), 0);
  database->write_now([](db::Connection& sql) { sql.script("DROP TABLE others"); });
  time.advance(61s);
  EXPECT_EQ(get_from(full, kTree).body, newer.body);
  EXPECT_EQ(rows(), 1);
}

TEST_F(DocumentsTest, NothingIsKeptOnAFullDiskButInPagesThatAreFree) {
  bool is_full = true;
  Documents careful{
      runner.workers(), *database, {.disk_is_full = [&is_full] { return is_full; }}, time};
  EXPECT_EQ(get_from(careful, kTree).status, 200);
  EXPECT_EQ(rows(), 0);
  is_full = false;
  get_from(careful, std::string(kTree) + "?recursive=true");
  EXPECT_EQ(rows(), 1);
  is_full = true;
  time.advance(61s);
  get_from(careful, std::string(kTree) + "?recursive=true");
  EXPECT_EQ(rows(), 1);  // where it was
  time.advance(61s);
  get_from(careful, kTree);
  EXPECT_EQ(rows(), 1);
  database->write_now([](db::Connection& sql) {
    sql.script("CREATE TABLE others (body); INSERT INTO others VALUES (zeroblob(2000000))");
  });
  database->write_now([](db::Connection& sql) { sql.script("DROP TABLE others"); });
  time.advance(61s);
  get_from(careful, kTree);
  EXPECT_EQ(rows(), 2);
}

TEST_F(DocumentsTest, SecurityRule15ADocumentIsNotKeptThatWouldTakeMuchOfTheDatabase) {
  std::vector<hubsim::Change> changes;
  for (int i = 0; i < 800; ++i) {
    changes.push_back({.path = "file" + std::to_string(i), .content = "x"});
  }
  sim.commit("org/model", "main", std::move(changes));
  Documents wide{runner.workers(), *database, {.max_metadata = 10'000'000}, time};
  Documents narrow{runner.workers(), *database, {.max_metadata = 1'000'000}, time};
  EXPECT_EQ(get_from(narrow, kTree).status, 200);
  EXPECT_EQ(rows(), 0);
  get_from(wide, kTree);
  EXPECT_EQ(rows(), 1);
}

TEST_F(DocumentsTest, OtherRefusalsAreNotKept) {
  for (int i = 0; i < 2; ++i) EXPECT_EQ(get("/api/models/org/none").status, 401);
  EXPECT_EQ(asked("GET"), 2U);
}

TEST_F(DocumentsTest, SecurityRule1AnotherEpochKnowsNothing) {
  get(kTree);
  ++remote.epoch;
  sim.stop();
  EXPECT_THROW(get(kTree), Error);
}

TEST_F(DocumentsTest, SecurityRule4WhatTheGrantedSeeIsNotShownToOthers) {
  const auto seen = get(kGatedTree, "granted", caller("hf_good"));
  const auto masked = get(kGatedTree, "refused");
  EXPECT_EQ(seen.body.view().find(std::string(64, '*')), std::string::npos);
  EXPECT_NE(masked.body.view().find(std::string(64, '*')), std::string::npos);
  EXPECT_EQ(get(kGatedTree, "granted", caller("hf_good")).body, seen.body);
  EXPECT_EQ(asked("GET"), 2U);
}

// The Hub may have let the caller in since it refused: the refused would see what only it may.
TEST_F(DocumentsTest, SecurityRule4WhatTheRefusedShareIsAskedForWithNobodysToken) {
  EXPECT_NE(get(kGatedTree, "refused", caller("hf_good")).body.view().find(std::string(64, '*')),
            std::string::npos);
  get(kTree, "public", caller("hf_good"));
  for (const auto& request : sim.log()) EXPECT_EQ(request.header("authorization"), "");
}

TEST_F(DocumentsTest, SecurityRule4AMaskedDocumentIsNotKeptForTheGranted) {
  get(kGatedTree, "granted", caller("hf_other"));
  EXPECT_EQ(get(kGatedTree, "granted", caller("hf_good")).body.view().find(std::string(64, '*')),
            std::string::npos);
}

TEST_F(DocumentsTest, ALargeOneIsInMemoryOnceForAllWhoReadIt) {
  const auto first = get_large(0);
  const auto second = get_large(1);
  const auto third = get_large(0);
  EXPECT_EQ(second->body.view().data(), first->body.view().data());
  EXPECT_EQ(third->body.view().data(), first->body.view().data());
  EXPECT_EQ(asked("GET"), 1U);
}

TEST_F(DocumentsTest, ANewerOneIsNotTakenForTheOneThatSomebodyHolds) {
  const auto before = get_large(0);
  sim.commit("org/model", "main", {{.path = "new.txt", .content = "new"}});
  time.advance(61s);
  const auto after = get_large(1);
  EXPECT_NE(after->body, before->body);
  EXPECT_EQ(get_large(0)->body.view().data(), after->body.view().data());
}

TEST_F(DocumentsTest, SecurityRule15WhatIsReadHasTheRoomThatIsLeftForIt) {
  std::vector<hubsim::Change> changes;
  for (int i = 0; i < 800; ++i)
    changes.push_back({.path = std::string(100, 'x') + std::to_string(i), .content = "a"});
  sim.commit("org/model", "main", std::move(changes));
  const auto size = get_large(0)->body.size();
  MemoryRoom::Share others(room);
  ASSERT_TRUE(others.grow_to((std::size_t{1} << 20) - size + 1));
  EXPECT_EQ(test::error_of([&] { get_large(0); }).kind(), Error::Kind::kUnavailable);
  others.shrink_to((std::size_t{1} << 20) - size);
  const auto held = get_large(0);
  EXPECT_EQ(get_large(1)->body.view().data(), held->body.view().data()) << "takes no more";
}

}  // namespace
}  // namespace hubcache::catalog
