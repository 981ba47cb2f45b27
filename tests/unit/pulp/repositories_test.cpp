#include <algorithm>
#include <set>

#include <gtest/gtest.h>

#include "fixture.h"

namespace hubcache::pulp {
namespace {

class PulpRepositoriesTest : public PulpTest {
 protected:
  std::string make(const std::string& name) {
    const auto made = ask("POST", kRepositories, R"({"name":")" + name + "\"}");
    EXPECT_EQ(made.status, 201) << made.text;
    return made.body.value("pulp_href", "");
  }
};

TEST_F(PulpRepositoriesTest, ARepositoryHasOneVersionThatIsEmpty) {
  const auto repository = make("r");
  const auto shown = ask("GET", repository).body;
  EXPECT_EQ(shown["versions_href"], repository + "versions/");
  EXPECT_EQ(shown["latest_version_href"], repository + "versions/0/");
  const auto versions = ask("GET", repository + "versions/").body;
  ASSERT_EQ(versions["count"], 1);
  EXPECT_EQ(versions["results"][0]["pulp_href"], repository + "versions/0/");
  EXPECT_EQ(versions["results"][0]["repository"], repository);
  EXPECT_EQ(ask("GET", repository + "versions/0/").body, versions["results"][0]);
  EXPECT_EQ(ask("GET", repository + "versions/1/").status, 404);
  EXPECT_EQ(ask("GET", repository + "versions/x/").body["detail"], "Not found.");
  EXPECT_EQ(ask("GET", kRepositories + kZero + "/versions/").status, 404);
}

TEST_F(PulpRepositoriesTest, ItsVersionStays) {
  const auto repository = make("r");
  const auto gone = ask("DELETE", repository + "versions/0/");
  ASSERT_EQ(gone.status, 202);
  const auto task = ask("GET", gone.body["task"]).body;
  EXPECT_EQ(task["state"], "failed");
  EXPECT_TRUE(task["error"].contains("description"));
  EXPECT_EQ(ask("GET", repository + "versions/0/").status, 200);
}

TEST_F(PulpRepositoriesTest, ADistributionMayNameAVersionByItsHref) {
  const auto repository = make("r");
  const auto version = repository + "versions/0/";
  const auto distribution = make_distribution("d", R"(,"repository_version":")" + version + "\"");
  EXPECT_EQ(ask("GET", distribution).body["repository_version"], version);
  const auto both = ask("PATCH", distribution, R"({"repository":")" + repository + "\"}");
  EXPECT_EQ(both.status, 400);
  EXPECT_TRUE(both.body.contains("non_field_errors"));
}

TEST_F(PulpRepositoriesTest, NoRemoteFitsARepository) {
  const auto remote = make_remote("a");
  const auto made = ask("POST", kRepositories, R"({"name":"r","remote":")" + remote + "\"}");
  EXPECT_EQ(made.body["remote"][0], "Type for Remote 'a' does not match Repository.");
}

TEST_F(PulpRepositoriesTest, PurgingRemovesFinishedTasksOfBefore) {
  make_distribution("d");
  const auto count = ask("GET", kTasks).body["count"];
  ASSERT_GT(count, 0);
  const auto none = ask("POST", kTasks + "purge/", R"({"finished_before":"2001-01-01T00:00:00Z"})");
  ASSERT_EQ(none.status, 202) << none.text;
  EXPECT_EQ(ask("GET", kTasks).body["count"], count.get<int>() + 1);
  const auto all = ask("POST", kTasks + "purge/", R"({"finished_before":"2100-01-01T00:00:00Z"})");
  const auto task = ask("GET", all.body["task"]).body;
  EXPECT_EQ(task["progress_reports"][0]["code"], "purge.tasks.total");
  EXPECT_EQ(task["progress_reports"][0]["done"], count.get<int>() + 1);
  EXPECT_EQ(ask("GET", kTasks).body["count"], 1);
}

TEST_F(PulpRepositoriesTest, ARoleOfAGuardIsGivenAndTaken) {
  runner.run(accounts->set_password("ann", "pw", access::Role::kDownloader));
  const auto guard = ask("POST", "/pulp/api/v3/contentguards/core/rbac/", R"({"name":"g"})")
                         .body.value("pulp_href", "");
  const std::string body = R"({"role":"core.rbaccontentguard_downloader","users":["ann"]})";
  EXPECT_EQ(ask("POST", guard + "add_role/", body).status, 201);
  EXPECT_EQ(snapshot()->guard(id_of(guard))->accounts.size(), 2u);
  EXPECT_EQ(ask("POST", guard + "add_role/", body).body["non_field_errors"][0],
            "The role is already assigned to user 'ann'.");
  EXPECT_EQ(ask("POST", guard + "remove_role/", body).status, 201);
  EXPECT_EQ(snapshot()->guard(id_of(guard))->accounts.size(), 1u);
  const auto again = ask("POST", guard + "remove_role/", body);
  EXPECT_EQ(again.status, 400);
  EXPECT_EQ(again.text, R"({"non_field_errors":["The role is not assigned to user 'ann'."]})");
  EXPECT_EQ(ask("POST", kRepositories + kZero + "/sync/", "{}").status, 404);
}

TEST_F(PulpRepositoriesTest, TheOwnersOfAGuardAreTheAdministrators) {
  runner.run(accounts->set_password("ann", "pw", access::Role::kDownloader));
  const auto guard = ask("POST", "/pulp/api/v3/contentguards/core/rbac/", R"({"name":"g"})")
                         .body.value("pulp_href", "");
  const auto change = [&](const std::string& verb, const std::string& user) {
    const auto answer = ask("POST", guard + verb + "/",
                            R"({"role":"core.rbaccontentguard_owner","users":[")" + user + "\"]}");
    EXPECT_EQ(answer.status, 400) << verb << user;
    return answer.text;
  };
  const std::string elsewhere =
      R"({"role":["Owners are the administrators; they are made elsewhere."]})";
  // As Pulp says it to whoever made the guard, and owns it by that.
  EXPECT_EQ(change("add_role", "admin"),
            R"({"non_field_errors":["The role is already assigned to user 'admin'."]})");
  EXPECT_EQ(change("remove_role", "ann"),
            R"({"non_field_errors":["The role is not assigned to user 'ann'."]})");
  EXPECT_EQ(change("add_role", "ann"), elsewhere);
  EXPECT_EQ(change("remove_role", "admin"), elsewhere);
  EXPECT_EQ(change("add_role", "nobody"),
            R"({"users":{"0":["Object with username=nobody does not exist."]}})");
  EXPECT_EQ(ask("GET", guard + "list_roles/").body["roles"][0]["users"], Json::array({"admin"}));
}

TEST_F(PulpRepositoriesTest, TheDocumentSaysWhatTheRoutesDo) {
  const auto document = send("GET", "/pulp/api/v3/docs/api.json");
  ASSERT_EQ(document.status, 200);
  EXPECT_EQ(document.header("Content-Type"), "application/vnd.oai.openapi+json");
  EXPECT_EQ(document.body["servers"][0]["url"], "http://cache.example:8080/");
  std::set<std::string> operations;
  for (const auto& [path, item] : document.body["paths"].items()) {
    for (const auto& [method, operation] : item.items()) {
      EXPECT_TRUE(operations.insert(operation["operationId"]).second) << operation["operationId"];
      if (path.starts_with('{') || path == "/pulp/api/v3/livez/") continue;
      std::string verb = method;
      std::ranges::transform(verb, verb.begin(), [](unsigned char c) { return std::toupper(c); });
      const auto answer = ask(verb, path);
      EXPECT_NE(answer.status, 404) << verb << path;
      EXPECT_NE(answer.status, 405) << verb << path;
      // Each query parameter that is declared is known.
      if (method != "get") continue;
      for (const auto& parameter : operation["parameters"]) {
        const auto name = parameter["name"].get<std::string>();
        EXPECT_EQ(ask("GET", path + "?" + name + "=").text.find("Invalid Filter"),
                  std::string::npos)
            << path << name;
      }
    }
  }
  EXPECT_TRUE(operations.contains("remotes_hugging_face_hugging_face_partial_update"));
  const auto with_ids = send("GET", "/pulp/api/v3/docs/api.json?pk_path=1").body;
  EXPECT_TRUE(with_ids["paths"].contains("/pulp/api/v3/tasks/{id}/"));
  EXPECT_EQ(send("GET", "/pulp/api/v3/docs/api.json?component=nope").status, 400);
}

}  // namespace
}  // namespace hubcache::pulp
