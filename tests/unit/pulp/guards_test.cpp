#include "hubcache/access/guards.h"

#include <gtest/gtest.h>

#include "hubcache/base/error.h"

#include "fixture.h"

namespace hubcache::pulp {
namespace {

const std::string kGuards = "/pulp/api/v3/contentguards/";
const std::string kHeader = kGuards + "core/header/";
const std::string kRbac = kGuards + "core/rbac/";
const std::string kComposite = kGuards + "core/composite/";
const std::string kRedirect = kGuards + "core/content_redirect/";

class PulpGuardsTest : public PulpTest {
 protected:
  std::string make(const std::string& where, const std::string& body) {
    const auto made = ask("POST", where, body);
    EXPECT_EQ(made.status, 201) << made.text;
    const auto href = made.body.value("pulp_href", "");
    EXPECT_EQ(made.header("Location"), href);
    return href;
  }
  const registry::Guard* guard(const std::string& href) {
    kept = snapshot();
    return kept->guard(id_of(href));
  }
  /// What content says to a request that a guard of the API refuses; "" when it passes.
  std::string refusal(const std::string& href, const std::string& target) {
    const access::Guards guards(*accounts, clock);
    http::Request request;
    request.method = "GET";
    request.target = target;
    request.peer.address = "127.0.0.1";
    try {
      runner.run(guards.require(snapshot(), id_of(href), request));
      return "";
    } catch (const Error& error) {
      return error.hub().message;
    }
  }
  std::shared_ptr<const registry::Snapshot> kept;
};

TEST_F(PulpGuardsTest, AHeaderGuardIsInForceWhenItIsAnswered) {
  const auto href =
      make(kHeader, R"({"name":"h","header_name":"X-A","header_value":"v","jq_filter":".a"})");
  ASSERT_NE(guard(href), nullptr);
  EXPECT_EQ(guard(href)->header_value, "v");
  const auto patched = ask("PATCH", href, R"({"header_value":"w"})");
  EXPECT_EQ(patched.status, 200);
  EXPECT_EQ(patched.body["header_value"], "w");
  EXPECT_EQ(guard(href)->header_value, "w");
  EXPECT_EQ(guard(href)->jq_filter, ".a");
}

// What content says of a guard that refuses is where the API has it.
TEST_F(PulpGuardsTest, ARefusalNamesTheGuardsByTheirHrefs) {
  const auto header = make(kHeader, R"({"name":"h","header_name":"a","header_value":"b"})");
  const auto rbac = make(kRbac, R"({"name":"r"})");
  const auto redirect = make(kRedirect, R"({"name":"s"})");
  const auto inner = make(kComposite, R"({"name":"i","guards":[")" + redirect + R"("]})");
  const auto all = make(kComposite, R"({"name":"c","guards":[")" + header + R"(",")" + rbac +
                                        R"(",")" + inner + R"("]})");
  const auto told = refusal(all, "/pulp/content/d/f");
  for (const auto& href : {header, rbac, redirect, inner}) {
    EXPECT_NE(told.find("HREF: '" + href + "'"), std::string::npos) << href << " " << told;
  }
}

TEST_F(PulpGuardsTest, ASignedPathPassesARedirectGuardUntilItExpires) {
  const auto href = make(kRedirect, R"({"name":"g"})");
  const std::string path = "/pulp/content/d/org/model/resolve/main/f";
  const auto now = std::chrono::floor<std::chrono::seconds>(clock.now()).time_since_epoch();
  const auto query = access::signed_query(guard(href)->secret, path, now.count() + 60);
  EXPECT_EQ(refusal(href, path + "?" + query), "");
  EXPECT_EQ(refusal(href, path), "Access not authenticated");
  EXPECT_EQ(refusal(href, path + "x?" + query), "Access not authenticated");
  clock.advance(std::chrono::seconds(61));
  EXPECT_EQ(refusal(href, path + "?" + query), "Authentication expired");
}

TEST_F(PulpGuardsTest, AFilterThatCannotBeUnderstoodIsRefused) {
  const auto made =
      ask("POST", kHeader, R"({"name":"h","header_name":"a","header_value":"b","jq_filter":"x("})");
  EXPECT_EQ(made.status, 400);
  EXPECT_TRUE(made.body.contains("jq_filter"));
}

TEST_F(PulpGuardsTest, NamesAreUniqueAmongAllKindsOfGuards) {
  make(kRbac, R"({"name":"g"})");
  const auto again = ask("POST", kComposite, R"({"name":"g"})");
  EXPECT_EQ(again.status, 400);
  EXPECT_EQ(again.body["name"][0], "This field must be unique.");
}

TEST_F(PulpGuardsTest, WhoMakesAnRbacGuardMayDownloadThroughIt) {
  const auto href = make(kRbac, R"({"name":"g"})");
  const auto shown = ask("GET", href).body;
  EXPECT_EQ(shown["users"][0]["username"], "admin");
  EXPECT_EQ(shown["users"][0]["pulp_href"], "/pulp/api/v3/users/1/");
  EXPECT_FALSE(shown.contains("downloaders"));
  EXPECT_EQ(ask("PATCH", href, R"({"downloaders":[]})").body["downloaders"][0], "Unexpected field");
  EXPECT_EQ(guard(href)->accounts, std::vector<std::int64_t>{1});
}

TEST_F(PulpGuardsTest, TheSecretOfARedirectGuardIsNotShown) {
  const auto href = make(kRedirect, R"({"name":"g"})");
  ASSERT_GE(guard(href)->secret.size(), 64u);
  EXPECT_EQ(ask("GET", href).text.find(guard(href)->secret), std::string::npos);
}

TEST_F(PulpGuardsTest, ACompositeGuardForgetsAGuardThatIsDeleted) {
  const auto a = make(kRbac, R"({"name":"a"})");
  const auto b = make(kRedirect, R"({"name":"b"})");
  const auto both = make(kComposite, R"({"name":"c","guards":[")" + a + R"(",")" + b + R"("]})");
  EXPECT_EQ(ask("GET", both).body["guards"], Json::array({a, b}));
  EXPECT_EQ(ask("DELETE", a).status, 204);
  EXPECT_EQ(ask("GET", both).body["guards"], Json::array({b}));
  EXPECT_EQ(guard(both)->guards, std::vector<std::string>{id_of(b)});
}

TEST_F(PulpGuardsTest, ADistributionNamesItsGuardAndLosesItWithIt) {
  const auto href = make(kHeader, R"({"name":"h","header_name":"a","header_value":"b"})");
  const auto distribution = make_distribution("d", R"(,"content_guard":")" + href + "\"");
  const auto shown = ask("GET", distribution).body;
  EXPECT_EQ(shown["content_guard"], href);
  EXPECT_EQ(shown["content_guard_prn"], "prn:core.headercontentguard:" + id_of(href));
  ask("DELETE", href);
  EXPECT_EQ(ask("GET", distribution).body["content_guard"], nullptr);
}

TEST_F(PulpGuardsTest, TheListOfAllGuardsShowsWhatTheyHaveInCommon) {
  const auto header = make(kHeader, R"({"name":"h","header_name":"a","header_value":"b"})");
  make(kRbac, R"({"name":"r"})");
  const auto all = ask("GET", kGuards + "?ordering=name").body;
  ASSERT_EQ(all["count"], 2);
  EXPECT_EQ(all["results"][0]["pulp_href"], header);
  EXPECT_FALSE(all["results"][0].contains("header_name"));
  EXPECT_EQ(ask("GET", kGuards + "?pulp_type=core.rbac").body["count"], 1);
  EXPECT_EQ(ask("GET", kGuards + "?pulp_type=x.y").body["pulp_type"][0],
            "Select a valid choice. x.y is not one of the available choices.");
  EXPECT_EQ(ask("POST", kGuards, "{}").status, 405);
}

}  // namespace
}  // namespace hubcache::pulp
