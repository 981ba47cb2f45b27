#include "hubcache/access/guards.h"

#include <algorithm>

#include <gtest/gtest.h>

#include "hubcache/base/error.h"

#include "unit/access/accounts_fixture.h"

namespace hubcache::access {
namespace {

using registry::Guard;

class GuardsTest : public AccountsFixture {
 protected:
  GuardsTest() {
    runner.run(accounts.set_password("ann", "pw", Role::kDownloader));
    runner.run(accounts.set_password("root", "pw", Role::kAdmin));
  }

  void have(std::vector<Guard> some) {
    snapshot = std::make_shared<const registry::Snapshot>(1, std::vector<registry::Remote>(),
                                                          std::vector<registry::Distribution>(),
                                                          std::nullopt, std::move(some));
  }
  /// "" when the guard lets the request pass, else why not.
  std::string refusal(const std::string& guard, const http::Request& request) {
    try {
      runner.run(guards.require(snapshot, guard, request));
      return "";
    } catch (const Error& error) {
      EXPECT_TRUE(error.kind() == Error::Kind::kForbidden ||
                  error.kind() == Error::Kind::kTooManyRequests);
      return error.hub().message.empty() ? error.what() : error.hub().message;
    }
  }
  static http::Request request(const std::string& header = "", const std::string& value = "") {
    http::Request asked;
    asked.method = "GET";
    asked.target = "/pulp/content/d/org/model/resolve/main/f";
    asked.peer.address = "192.0.2.1";
    if (!header.empty()) asked.headers.set(header, value);
    return asked;
  }
  std::int64_t id_of(const std::string& name) {
    auto all = database.read_now([](db::Connection& sql) { return all_accounts(sql); });
    return std::ranges::find(all, name, &Account::name)->id;
  }

  Guards guards{accounts, clock};
  std::shared_ptr<const registry::Snapshot> snapshot;
};

constexpr const char* kAnn = "Basic YW5uOnB3";       // ann:pw
constexpr const char* kRoot = "Basic cm9vdDpwdw==";  // root:pw
constexpr const char* kWrong = "Basic YW5uOm5v";     // ann:no

TEST_F(GuardsTest, AHeaderGuardWantsItsValueInBase64) {
  have({{.id = "g",
         .kind = Guard::Kind::kHeader,
         .header_name = "X-Secret",
         .header_value = "open sesame"}});
  EXPECT_EQ(refusal("g", request("x-secret", "b3BlbiBzZXNhbWU=")), "");
  EXPECT_EQ(refusal("g", request("X-Secret", "open sesame")), "Access denied.");
  EXPECT_EQ(refusal("g", request("X-Secret", "b3BlbiBzZXNhbWUu")), "Access denied.");
  EXPECT_EQ(refusal("g", request()), "Access denied.");
}

TEST_F(GuardsTest, AnAccessTokenPassesWhereItsAccountDoes) {
  have({{.id = "g", .kind = Guard::Kind::kRbac, .accounts = {id_of("ann")}},
        {.id = "nobody", .kind = Guard::Kind::kRbac}});
  const auto token = runner.run(accounts.create_token("ann", "laptop", std::nullopt));
  EXPECT_EQ(refusal("g", request("Authorization", "Bearer " + token)), "");
  EXPECT_EQ(refusal("nobody", request("Authorization", "Bearer " + token)),
            "You do not have permission to perform this action.");
  EXPECT_EQ(refusal("g", request("Authorization", "Bearer hc_no")),
            "Authentication credentials were not provided.");
  EXPECT_EQ(refusal("g", request("Authorization", "Bearer hf_hub")),
            "Authentication credentials were not provided.");
}

TEST_F(GuardsTest, ARefusalIsOneThatHubClientsUnderstand) {
  have({{.id = "g", .kind = Guard::Kind::kRbac}});
  try {
    runner.run(guards.require(snapshot, "g", request()));
    FAIL();
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "403: Authentication credentials were not provided.");
    EXPECT_EQ(error.hub().code, "GatedRepo");
  }
}

TEST_F(GuardsTest, AHeaderGuardPicksTheValueByItsFilter) {
  have({{.id = "g",
         .kind = Guard::Kind::kHeader,
         .header_name = "x-rh-identity",
         .header_value = "ann",
         .jq_filter = ".identity.user"}});
  EXPECT_EQ(refusal("g", request("x-rh-identity", "eyJpZGVudGl0eSI6eyJ1c2VyIjoiYW5uIn19")), "");
  EXPECT_EQ(refusal("g", request("x-rh-identity", "YW5u")), "Access denied.");
}

TEST_F(GuardsTest, AnRbacGuardWantsAnAccountOfItsOwn) {
  have({{.id = "g", .kind = Guard::Kind::kRbac, .accounts = {id_of("ann")}},
        {.id = "other", .kind = Guard::Kind::kRbac}});
  EXPECT_EQ(refusal("g", request("Authorization", kAnn)), "");
  EXPECT_EQ(refusal("g", request()), "Authentication credentials were not provided.");
  EXPECT_EQ(refusal("g", request("Authorization", kWrong)),
            "Authentication credentials were not provided.");
  EXPECT_EQ(refusal("other", request("Authorization", kAnn)),
            "You do not have permission to perform this action.");
  EXPECT_EQ(refusal("other", request("Authorization", kRoot)), "");
}

TEST_F(GuardsTest, GuessingAtAGuardIsSlowedDown) {
  have({{.id = "g", .kind = Guard::Kind::kRbac, .accounts = {id_of("ann")}}});
  for (int i = 0; i < 3; ++i) refusal("g", request("Authorization", kWrong));
  EXPECT_EQ(refusal("g", request("Authorization", kAnn)),
            "Too many failed logins from this address.");
}

TEST_F(GuardsTest, ARedirectGuardWantsASignatureOfThisPathThatIsStillGood) {
  have({{.id = "g", .kind = Guard::Kind::kRedirect, .secret = "s3cret"}});
  const auto now = std::chrono::floor<std::chrono::seconds>(clock.now()).time_since_epoch();
  const auto asked = [&](const std::string& path, const std::string& query) {
    auto made = request();
    made.target = path + "?" + query;
    return made;
  };
  const auto query = signed_query("s3cret", "/pulp/content/d/f", now.count() + 60);
  EXPECT_EQ(refusal("g", asked("/pulp/content/d/f", query)), "");
  EXPECT_EQ(refusal("g", asked("/pulp/content/d/other", query)), "Access not authenticated");
  EXPECT_EQ(refusal("g", asked("/pulp/content/d/f", query + "&more=1")),
            "Access not authenticated");
  EXPECT_EQ(refusal("g", asked("/pulp/content/d/f", "")), "Access not authenticated");
  EXPECT_EQ(refusal("g", asked("/pulp/content/d/f",
                               signed_query("wrong", "/pulp/content/d/f", now.count() + 60))),
            "Access not authenticated");
  clock.advance(std::chrono::seconds(61));
  EXPECT_EQ(refusal("g", asked("/pulp/content/d/f", query)), "Authentication expired");
}

TEST_F(GuardsTest, OneGuardOfACompositeIsEnoughAndNoneLetsEverybodyPass) {
  const auto header = Guard::Kind::kHeader;
  have({{.id = "a", .name = "one", .kind = header, .header_name = "a", .header_value = "1"},
        {.id = "b", .name = "two", .kind = header, .header_name = "b", .header_value = "1"},
        {.id = "both", .guards = {"a", "b"}},
        {.id = "empty"}});
  EXPECT_EQ(refusal("empty", request()), "");
  EXPECT_EQ(refusal("both", request("b", "MQ==")), "");
  EXPECT_EQ(
      refusal("both", request()),
      "Access forbidden. Refusals: [\"Guard: 'one', HREF: "
      "'/pulp/api/v3/contentguards/core/header/a/', "
      "class: '<class 'pulpcore.app.models.publication.HeaderContentGuard'>', denial: "
      "[Access denied.].\", \"Guard: 'two', HREF: '/pulp/api/v3/contentguards/core/header/b/', "
      "class: '<class 'pulpcore.app.models.publication.HeaderContentGuard'>', denial: "
      "[Access denied.].\"]");
}

TEST_F(GuardsTest, AGuardThatIsGoneOrHoldsItselfLetsNobodyPass) {
  have({{.id = "circle", .guards = {"circle"}}});
  EXPECT_EQ(refusal("gone", request()), "Access denied.");
  EXPECT_NE(refusal("circle", request()), "");
}

}  // namespace
}  // namespace hubcache::access
