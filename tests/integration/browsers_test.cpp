// SECURITY rule 21, content's part: what pages of other sites may read through a browser, and that
// a browser runs nothing that a repository holds. (REST's part: tests/unit/pulp/protocol_test.cpp.)
#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include "integration/fixture.h"

namespace hubcache::test {
namespace {

using hubsim::Fault;
using testing::HasSubstr;
using Json = nlohmann::json;

constexpr std::string_view kTree = "/api/models/org/model/tree/main";
const Fields kFromPage{{"Origin", "https://page.example"}};

class BrowsersTest : public ServerTest {
 protected:
  static Fields and_range(Fields fields) {
    fields.emplace_back("Range", "bytes=0-9");
    return fields;
  }
  Answer preflight(std::string_view target, std::string_view origin = "https://page.example") {
    return fetch(port, target,
                 {{"Origin", std::string(origin)},
                  {"Access-Control-Request-Method", "GET"},
                  {"Access-Control-Request-Headers", "range"},
                  {"Access-Control-Request-Private-Network", "true"}},
                 "OPTIONS");
  }
  static std::string allowed_origin(const Answer& answer) {
    return answer.header("access-control-allow-origin");
  }
  /// Made by REST: a distribution `name` of the remote with these fields, its own fields `more`.
  void add_distribution(const std::string& name, Json remote, Json more = Json::object()) {
    remote["name"] = name;
    remote["url"] = hub.url();
    const auto made = rest("POST", kRemotes, remote.dump());
    ASSERT_EQ(made.status, 201) << made.body;
    more["name"] = more["base_path"] = name;
    more["remote"] = Json::parse(made.body).at("pulp_href");
    ASSERT_EQ(rest("POST", kDistributions, more.dump()).status, 202);
  }
  std::string add_header_guard() {
    const Json guard{{"name", "g"}, {"header_name", "x-pass"}, {"header_value", "yes"}};
    const auto made = rest("POST", "/pulp/api/v3/contentguards/core/header/", guard.dump());
    EXPECT_EQ(made.status, 201) << made.body;
    return Json::parse(made.body).at("pulp_href");
  }
  void allow(std::string origin) {
    config.allowed_origins = {std::move(origin)};
    restart();
  }
};

TEST_F(BrowsersTest, SecurityRule21APageOfAnySiteReadsWhatAnybodyMay) {
  hub.set_fault({.kind = Fault::Kind::kHeader, .headers = {{"Set-Cookie", "a=b"}}});
  for (const auto& answer :
       {get(kConfig, {}, kFromPage), get(kBig, {}, and_range(kFromPage)), head(kBig, {}, kFromPage),
        get(kTree, {}, kFromPage), get("/org/model/resolve/main/none.json", {}, kFromPage),
        get("/org/gated/resolve/main/config.json", {}, kFromPage),
        fetch(port, "/org/model/resolve/main/config.json", kFromPage)}) {
    EXPECT_EQ(allowed_origin(answer), "*") << answer.status;
    const auto exposed = answer.header("access-control-expose-headers");
    for (const char* name : {"X-Repo-Commit", "X-Error-Code", "ETag", "Link", "Accept-Ranges",
                             "Content-Range", "Content-Length", "X-Linked-Size", "X-Linked-ETag"}) {
      EXPECT_THAT(exposed, HasSubstr(name));
    }
    EXPECT_EQ(answer.header("access-control-allow-credentials"), "");
    EXPECT_EQ(answer.header("set-cookie"), "");
    EXPECT_THAT(answer.header("vary"), HasSubstr("Origin"));
  }
  EXPECT_EQ(allowed_origin(get(kConfig)), "");
}

TEST_F(BrowsersTest, SecurityRule21APageReadsNothingByARightThatIsNotEverybodys) {
  add_distribution("token", {{"hf_token", "hf_good"}});
  add_distribution("guarded", Json::object(), {{"content_guard", add_header_guard()}});
  const auto nobodys = [this] {
    const std::string file(kConfig);
    auto passed = kFromPage;
    passed.emplace_back("x-pass", "eWVz");  // yes
    return std::vector<Answer>{get(kConfig, "hf_good", kFromPage),
                               get("/org/private/resolve/main/config.json", "hf_bad", kFromPage),
                               fetch(port, "/pulp/content/token" + file, kFromPage),
                               fetch(port, "/pulp/content/guarded" + file, passed),
                               fetch(port, "/pulp/content/guarded" + file, kFromPage)};
  };
  for (const auto& answer : nobodys()) EXPECT_EQ(allowed_origin(answer), "") << answer.status;

  allow("https://page.example");
  for (const auto& answer : nobodys()) {
    EXPECT_EQ(allowed_origin(answer), "https://page.example") << answer.status;
    EXPECT_EQ(answer.header("access-control-allow-credentials"), "");
  }
}

TEST_F(BrowsersTest, SecurityRule21APreflightAllowsTokensToConfiguredOriginsOnly) {
  add_distribution("token", {{"hf_token", "hf_good"}});
  hub.clear_log();
  const std::string file = "/pulp/content/hf" + std::string(kBig);
  for (const auto& target : {file, std::string(kBig), std::string("/pulp/content/hf/api/models")}) {
    const auto answer = preflight(target);
    EXPECT_EQ(answer.status, 204);
    EXPECT_EQ(allowed_origin(answer), "*");
    EXPECT_EQ(answer.header("access-control-allow-headers"), "*");  // all but Authorization
    EXPECT_EQ(answer.header("access-control-allow-methods"), "GET, HEAD, POST");
    EXPECT_NE(answer.header("access-control-max-age"), "");
    EXPECT_EQ(answer.header("access-control-allow-private-network"), "");
  }
  EXPECT_EQ(allowed_origin(preflight("/pulp/content/token" + std::string(kBig))), "");

  allow("https://page.example");
  const auto answer = preflight("/pulp/content/token" + std::string(kBig));
  EXPECT_EQ(allowed_origin(answer), "https://page.example");
  EXPECT_EQ(answer.header("access-control-allow-headers"), "*, Authorization");
  EXPECT_EQ(allowed_origin(preflight("/pulp/content/token" + std::string(kBig), "https://x")), "");
  EXPECT_EQ(hub_requests(), 0U);
}

TEST_F(BrowsersTest, SecurityRule21RestAndPagesAreNotShared) {
  allow("https://page.example");
  const Fields admin{{"Origin", "https://page.example"},
                     {"Authorization", "Basic YWRtaW46cGFzc3dvcmQ="}};
  for (const char* target : {"/pulp/api/v3/status/", "/pulp/api/v3/remotes/hugging_face/",
                             "/pulp/content/", "/healthz", "/-/readyz", "/-/metrics"}) {
    EXPECT_EQ(allowed_origin(fetch(port, target, kFromPage)), "") << target;
    EXPECT_EQ(allowed_origin(fetch(port, target, admin)), "") << target;
    EXPECT_EQ(allowed_origin(preflight(target)), "") << target;
  }
}

TEST_F(BrowsersTest, SecurityRule21ABrowserRunsNothingThatARepoHolds) {
  hub.set_fault({.kind = Fault::Kind::kStatus,
                 .match = "/api/page",
                 .status = 200,
                 .headers = {{"Content-Type", "text/html"}},
                 .body = "<script>alert(1)</script>"});
  const auto html = get("/spaces/org/space/resolve/main/index.html");
  ASSERT_EQ(html.status, 200);
  for (const auto& answer :
       {html, get(kBig, {}, and_range({})), get("/org/model/raw/main/model.safetensors"),
        get(kTree), get("/api/page"), get("/org/model/resolve/main/none.json"),
        get("/org/private/resolve/main/config.json"), get("/no/such/route")}) {
    EXPECT_EQ(answer.header("x-content-type-options"), "nosniff") << answer.status;
    EXPECT_EQ(answer.header("content-security-policy"), "default-src 'none'; sandbox");
    EXPECT_EQ(answer.header("content-type").find("html"), std::string::npos);
    EXPECT_EQ(answer.header("content-type").find("javascript"), std::string::npos);
  }
}

TEST_F(BrowsersTest, SecurityRule21NoFileIsAServiceWorker) {
  const Fields worker{{"Service-Worker", "script"}};
  EXPECT_EQ(get("/spaces/org/space/resolve/main/index.html", {}, worker).status, 403);
  EXPECT_EQ(fetch(port, "/spaces/org/space/resolve/main/app.py", worker).status, 403);
}

TEST_F(BrowsersTest, WhatIsNoPreflightIsNoWayToRead) {
  EXPECT_EQ(fetch(port, "/pulp/content/hf" + std::string(kBig), kFromPage, "OPTIONS").status, 405);
  EXPECT_EQ(fetch(port, "/pulp/content/hf" + std::string(kBig), {}, "OPTIONS").status, 405);
}

}  // namespace
}  // namespace hubcache::test
