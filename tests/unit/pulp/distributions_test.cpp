#include "fixture.h"

namespace hubcache::pulp {
namespace {

TEST_F(PulpTest, ADistributionIsCreatedWithACompletedTask) {
  const auto remote = make_remote("r");
  const auto made = ask("POST", kDistributions,
                        R"({"name":"d","base_path":"team/a","remote":")" + remote + "\"}");
  ASSERT_EQ(made.status, 202);
  std::vector<std::string> keys;
  for (const auto& [key, value] : made.body.items()) keys.push_back(key);
  const std::vector<std::string> expected{
      "pulp_href",   "prn",           "pulp_created",      "pulp_last_updated",       "base_path",
      "base_url",    "content_guard", "content_guard_prn", "no_content_change_since", "hidden",
      "pulp_labels", "name",          "repository",        "repository_version",      "publication",
      "remote",      "task"};
  EXPECT_EQ(keys, expected);
  EXPECT_EQ(made.body["base_url"], "/pulp/content/team/a/");
  EXPECT_EQ(made.body["remote"], remote);

  const auto task = ask("GET", made.body["task"]).body;
  EXPECT_EQ(task["state"], "completed");
  EXPECT_EQ(task["name"], "pulpcore.app.tasks.base.general_create");
  EXPECT_EQ(task["created_resources"][0], made.body["pulp_href"]);
  EXPECT_EQ(task["created_resource_prns"][0], made.body["prn"]);
  EXPECT_EQ(task["result"]["pulp_href"], made.body["pulp_href"]);
  EXPECT_EQ(task["worker"], nullptr);
  EXPECT_TRUE(snapshot()->match("team/a/x"));
}

TEST_F(PulpTest, BasePathsAreCanonical) {
  for (const char* path : {"/a", "a/", "a//b", "a/../b", "./a", "a b", "a?x", "a#x"}) {
    const auto answer =
        ask("POST", kDistributions, R"({"name":"x","base_path":")" + std::string(path) + "\"}");
    EXPECT_EQ(answer.status, 400) << path;
    EXPECT_EQ(answer.body["base_path"][0],
              "Relative path is not in canonical form. " + std::string(path));
  }
  EXPECT_EQ(ask("POST", kDistributions, R"({"name":"x","base_path":"a/..."})").status, 202);
}

TEST_F(PulpTest, BasePathsDoNotOverlap) {
  make_distribution("foo", "");
  ASSERT_EQ(ask("POST", kDistributions, R"({"name":"deep","base_path":"top/mid"})").status, 202);
  EXPECT_EQ(
      ask("POST", kDistributions, R"({"name":"foo","base_path":"foo"})").text,
      R"({"base_path":["This field must be unique."],"name":["This field must be unique."]})");
  EXPECT_EQ(ask("POST", kDistributions, R"({"name":"x","base_path":"foo/x"})").text,
            R"({"base_path":{"base_path":"Overlaps with existing distribution 'foo'"}})");
  EXPECT_EQ(ask("POST", kDistributions, R"({"name":"x","base_path":"top"})").text,
            R"({"base_path":{"base_path":"Overlaps with existing distribution 'deep'"}})");
  EXPECT_EQ(ask("POST", kDistributions, R"({"name":"x","base_path":"foox"})").status, 202);
}

TEST_F(PulpTest, ADistributionMayKeepItsOwnBasePath) {
  const auto href = make_distribution("d");
  EXPECT_EQ(ask("PUT", href, R"({"name":"d","base_path":"d"})").status, 200);
  EXPECT_EQ(ask("PATCH", href, R"({"base_path":"d/deeper"})").status, 202);
  EXPECT_FALSE(snapshot()->match("d/x"));
  EXPECT_TRUE(snapshot()->match("d/deeper/x"));
}

TEST_F(PulpTest, AReferenceIsAnHrefAFullUrlOrAPrn) {
  const auto remote = make_remote("r");
  const auto href = make_distribution("d");
  for (const auto& reference : {remote, "https://anywhere.example" + remote,
                                "prn:hugging_face.huggingfaceremote:" + id_of(remote)}) {
    const auto answer = ask("PATCH", href, R"({"remote":")" + reference + "\"}");
    EXPECT_EQ(answer.status, 202) << answer.text;
    EXPECT_EQ(answer.body["remote"], remote);
  }
  EXPECT_EQ(ask("PATCH", href, R"({"remote":""})").body["remote"], nullptr);
}

TEST_F(PulpTest, AReferenceThatLeadsNowhereIsRefusedInPulpsWords) {
  const auto href = make_distribution("d");
  const std::vector<std::pair<std::string, std::string>> cases{
      {kRemotes + kZero + "/", "Invalid hyperlink - Object does not exist."},
      {"/nope/", "Invalid hyperlink - No URL match."},
      {kZero, "Invalid hyperlink - No URL match."},
      {href, "Invalid hyperlink - Incorrect URL match."},
      {kRemotes, "Invalid hyperlink - Incorrect URL match."},
      {"/pulp/api/v3/", "Invalid hyperlink - Incorrect URL match."},
      {kRemotes + "abc/", "“abc” is not a valid UUID."},
      {"prn:x", "PRN must be of the form 'prn:app_label.model_label:pk': prn:x"},
      {"prn:core.nope:" + kZero, "Model core.nope does not exist"},
      {"prn:hugging_face.huggingfaceremote:" + kZero,
       "Invalid hyperlink - Object does not exist."}};
  for (const auto& [reference, text] : cases) {
    const auto answer = ask("PATCH", href, R"({"remote":")" + reference + "\"}");
    EXPECT_EQ(answer.status, 400) << reference;
    EXPECT_EQ(answer.body["remote"][0], text) << reference;
  }
  EXPECT_EQ(ask("PATCH", href, R"({"remote":5})").status, 400);
  EXPECT_EQ(ask("PATCH", href, R"({"content_guard":"/nope/"})").text,
            R"({"content_guard":["Invalid hyperlink - No URL match."]})");
  EXPECT_EQ(ask("PATCH", href, R"({"content_guard":null})").status, 200);
}

TEST_F(PulpTest, ADeletedDistributionServesNothing) {
  const auto href = make_distribution("d");
  ASSERT_EQ(ask("DELETE", href).status, 202);
  EXPECT_FALSE(snapshot()->match("d/x"));
  EXPECT_EQ(ask("DELETE", href).status, 404);
  EXPECT_EQ(ask("GET", href).text,
            R"({"detail":"No HuggingFaceDistribution matches the given query."})");
}

TEST_F(PulpTest, WhatIsReadBackCanBeSentBack) {
  const auto href = make_distribution("d");
  EXPECT_EQ(ask("PUT", href, ask("GET", href).text).status, 200);
}

TEST_F(PulpTest, APutMayNameAVersionWhereARepositoryIsStored) {
  const auto made =
      ask("POST", "/pulp/api/v3/repositories/hugging_face/hugging-face/", R"({"name":"r"})");
  const std::string repository = made.body["pulp_href"];
  const auto distribution = make_distribution("d", R"(,"repository":")" + repository + "\"");
  const auto version = R"("repository_version":")" + repository + R"(versions/0/")";
  EXPECT_EQ(ask("PATCH", distribution, "{" + version + "}").text,
            R"({"non_field_errors":["Only one of the attributes 'repository' and )"
            R"('repository_version' may be used simultaneously."]})");
  EXPECT_EQ(ask("PUT", distribution, R"({"name":"d","base_path":"d",)" + version + "}").status,
            202);
  EXPECT_EQ(
      ask("PUT", distribution,
          R"({"name":"d","base_path":"d","repository":")" + repository + "\"," + version + "}")
          .status,
      400);
}

// What a new database has.
TEST_F(PulpTest, ANewDatabaseHasARemoteAndTheRootDistribution) {
  const auto root = snapshot()->root();
  ASSERT_TRUE(root);
  EXPECT_EQ(root->distribution->base_path, "hf");
  ASSERT_NE(root->remote, nullptr);
  EXPECT_EQ(root->remote->name, "huggingface");
  EXPECT_EQ(root->remote->endpoint->base.host, "huggingface.co");
}

TEST_F(PulpTest, WhatIsDeletedStaysDeleted) {
  for (const auto& list : {kDistributions, kRemotes}) {
    ask("DELETE", ask("GET", list).body["results"][0]["pulp_href"]);
  }
  stop();
  start("http://127.0.0.1:1");
  EXPECT_FALSE(snapshot()->root());
  EXPECT_EQ(ask("GET", kRemotes).body["count"], 0);
}

TEST_F(PulpTest, AnUpstreamIsTheHubOfTheFirstRemoteAtEachStart) {
  const auto remote = ask("GET", kRemotes).body["results"][0]["pulp_href"].get<std::string>();
  const auto before = endpoint(remote);
  stop();
  start("http://127.0.0.1:7");
  EXPECT_EQ(endpoint(remote)->base.authority(), "127.0.0.1:7");
  EXPECT_GT(endpoint(remote)->epoch, before->epoch);
  const auto epoch = endpoint(remote)->epoch;
  stop();
  start("http://127.0.0.1:7");
  EXPECT_EQ(endpoint(remote)->epoch, epoch);
  stop();
  start();
  EXPECT_EQ(endpoint(remote)->base.authority(), "127.0.0.1:7");
}

TEST_F(PulpTest, AnUpstreamThatIsNoUrlStopsTheStart) {
  const auto kind =
      test::kind_thrown_by([&] { bootstrap(*database, secrets, clock, "http://user:pass@hub"); });
  EXPECT_EQ(kind, Error::Kind::kBadRequest);
}

}  // namespace
}  // namespace hubcache::pulp
