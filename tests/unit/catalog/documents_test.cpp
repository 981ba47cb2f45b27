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
    const auto repo = target.find("gated") == std::string::npos ? "org/model" : "org/gated";
    auto document = runner.run(
        documents.get(endpoint(), std::move(who), model(repo), target, kind, at_commit, *flights));
    settle();
    return document;
  }

  Documents documents{*database, Documents::Options{}, time};
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

TEST_F(DocumentsTest, OnlyA200IsKept) {
  const auto missing = get("/api/models/org/model/tree/nowhere");
  EXPECT_EQ(missing.status, 404);
  EXPECT_EQ(missing.error_code, "RevisionNotFound");
  get("/api/models/org/model/tree/nowhere");
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
  EXPECT_EQ(seen.body.find(std::string(64, '*')), std::string::npos);
  EXPECT_NE(masked.body.find(std::string(64, '*')), std::string::npos);
  EXPECT_EQ(get(kGatedTree, "granted", caller("hf_good")).body, seen.body);
  EXPECT_EQ(asked("GET"), 2U);
}

// The Hub may have let the caller in since it refused: the refused would see what only it may.
TEST_F(DocumentsTest, SecurityRule4WhatTheRefusedShareIsAskedForWithNobodysToken) {
  EXPECT_NE(get(kGatedTree, "refused", caller("hf_good")).body.find(std::string(64, '*')),
            std::string::npos);
  get(kTree, "public", caller("hf_good"));
  for (const auto& request : sim.log()) EXPECT_EQ(request.header("authorization"), "");
}

TEST_F(DocumentsTest, SecurityRule4AMaskedDocumentIsNotKeptForTheGranted) {
  get(kGatedTree, "granted", caller("hf_other"));
  EXPECT_EQ(get(kGatedTree, "granted", caller("hf_good")).body.find(std::string(64, '*')),
            std::string::npos);
}

}  // namespace
}  // namespace hubcache::catalog
