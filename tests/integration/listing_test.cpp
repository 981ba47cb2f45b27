// Pages that list distributions, and what they must not show.
#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include "integration/fixture.h"

namespace hubcache::test {
namespace {

using testing::HasSubstr;
using testing::Not;
using Json = nlohmann::json;

constexpr const char* kAdmin = "Basic YWRtaW46cGFzc3dvcmQ=";  // admin:password

class ListingTest : public ServerTest {
 protected:
  void add(const std::string& base_path, Json more = Json::object()) {
    more["name"] = base_path;
    more["base_path"] = base_path;
    const auto made = rest("POST", kDistributions, more.dump());
    ASSERT_EQ(made.status, 202) << made.body;
  }
  Answer page(const std::string& below, const Fields& fields = {}) {
    return fetch(port, "/pulp/content/" + below, fields);
  }
};

TEST_F(ListingTest, LinksToWhatLiesDirectlyBelow) {
  add("deep/er/cy");
  add("deep/b&c");
  const auto top = page("");
  EXPECT_EQ(top.status, 200);
  EXPECT_THAT(top.header("content-type"), HasSubstr("text/html"));
  EXPECT_THAT(top.header("content-security-policy"), HasSubstr("default-src 'none'"));
  EXPECT_THAT(top.body, HasSubstr("href=\"./deep/\""));
  EXPECT_THAT(top.body, HasSubstr("href=\"./hf/\""));
  EXPECT_THAT(top.body, Not(HasSubstr("er/")));
  const auto deep = page("deep/");
  EXPECT_THAT(deep.body, HasSubstr("href=\"./er/\""));
  EXPECT_THAT(deep.body, HasSubstr("href=\"./b%26c/\">b&amp;c/<"));
  EXPECT_EQ(page("deeper/").status, 404);
  EXPECT_EQ(page("dee").status, 404);
}

TEST_F(ListingTest, AMissingSlashIsAddedByARedirect) {
  add("deep/er");
  for (const auto* path : {"deep", "deep/er", "hf"}) {
    const auto answer = page(path);
    EXPECT_EQ(answer.status, 301) << path;
    EXPECT_EQ(answer.header("location"), "/pulp/content/" + std::string(path) + "/");
  }
}

TEST_F(ListingTest, SecurityRule11WhatIsHiddenOrGuardedIsNotShown) {
  const auto made = rest("POST", "/pulp/api/v3/contentguards/core/rbac/", R"({"name":"team"})");
  const std::string guard = Json::parse(made.body).at("pulp_href");
  add("secret/project", {{"content_guard", guard}});
  add("unlisted", {{"hidden", true}});
  for (const auto* path : {"", "secret/", "secret"}) {
    const auto answer = page(path);
    EXPECT_THAT(answer.body, Not(HasSubstr("secret"))) << path;
    EXPECT_THAT(answer.body, Not(HasSubstr("unlisted"))) << path;
  }
  EXPECT_EQ(page("secret/").status, 404);
  EXPECT_EQ(page("secret").status, 404);
  EXPECT_EQ(page("secret/project").status, 403);
  EXPECT_THAT(page("secret/", {{"Authorization", kAdmin}}).body, HasSubstr("project/"));
}

}  // namespace
}  // namespace hubcache::test
