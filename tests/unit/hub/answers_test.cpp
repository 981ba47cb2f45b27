#include "hub/answers.h"

#include <string>

#include <gtest/gtest.h>

namespace hubcache::hub {
namespace {

using std::chrono::seconds;

TEST(Answers, DigestIsAStrongTagOfHex) {
  const std::string sha1(40, 'a');
  const std::string sha256(64, 'B');
  EXPECT_EQ(digest_of('"' + sha1 + '"')->text(), "gitsha1:" + sha1);
  EXPECT_EQ(digest_of('"' + sha256 + '"')->text(), "sha256:" + std::string(64, 'b'));
  EXPECT_EQ(digest_of(sha1)->text(), "gitsha1:" + sha1);
  EXPECT_FALSE(digest_of("W/\"" + sha1 + '"'));
  EXPECT_FALSE(digest_of('"' + std::string(64, '*') + '"'));  // SECURITY 4
  EXPECT_FALSE(digest_of("\"f-mY2VvLxuxB7KhsoOdQTlMTccuAQ\""));
  EXPECT_FALSE(digest_of(""));
}

TEST(Answers, EtagsLoseQuotesAndWeakness) {
  EXPECT_EQ(unquoted("\"abc\""), "abc");
  EXPECT_EQ(unquoted("W/\"abc\""), "abc");
  EXPECT_EQ(unquoted(" abc "), "abc");
  EXPECT_EQ(unquoted("\""), "\"");
}

TEST(Answers, NumbersAreDigitsOnly) {
  EXPECT_EQ(number_of("18446744073709551615"), 18446744073709551615U);
  for (const auto* text : {"", "-1", "+1", " 1", "1 ", "0x1", "18446744073709551616", "1,2"}) {
    EXPECT_FALSE(number_of(text)) << text;
  }
}

TEST(Answers, ContentRangeTellsWhatIsThere) {
  const auto part = content_range_of("bytes 5-9/20");
  ASSERT_TRUE(part);
  EXPECT_EQ(part->first, 5U);
  EXPECT_EQ(part->last, 9U);
  EXPECT_EQ(part->size, 20U);
  EXPECT_FALSE(content_range_of("bytes 5-9/*")->size);
  EXPECT_FALSE(content_range_of("bytes */20")->first);
  for (const auto* text : {"", "bytes", "bytes 9-5/20", "bytes 5-20/20", "items 0-1/2", "bytes 5-9",
                           "bytes a-9/20", "bytes 5/20", "bytes 0-1/x"}) {
    EXPECT_FALSE(content_range_of(text)) << text;
  }
}

TEST(Answers, AQuotaIsWhatTheHubSaysOfIt) {
  const auto quota = quota_of({{"ratelimit", "\"api\";r=0;t=55"},
                               {"ratelimit-policy", "\"fixed window\";\"api\";q=500;w=300"},
                               {"Retry-After", "3"}});
  EXPECT_EQ(quota.wait, seconds(56));
  EXPECT_EQ(quota.name, "api");
  EXPECT_EQ(quota.policy, "\"fixed window\";\"api\";q=500;w=300");
  EXPECT_EQ(quota_of({{"Retry-After", "3"}}).wait, seconds(3));
  EXPECT_EQ(quota_of({{"Retry-After", "3"}}).name, "");
  EXPECT_EQ(quota_of({{"ratelimit", "\"api\";r=0"}, {"Retry-After", "3"}}).wait, seconds(3));
  EXPECT_EQ(quota_of({{"ratelimit", "\"a b\";r=0;t=1"}}).name, "");
}

TEST(Answers, ABudgetIsWhatAnyAnswerSaysIsLeft) {
  const auto budget = budget_of({{"ratelimit", "\"resolvers\";r=2997;t=258"}});
  ASSERT_TRUE(budget);
  EXPECT_EQ(budget->limit, "resolvers");
  EXPECT_EQ(budget->left, 2997U);
  EXPECT_EQ(budget->window, seconds(258));
  EXPECT_EQ(budget_of({{"ratelimit", "\"of my own\";r=1;t=2"}})->limit, "other");
  EXPECT_EQ(budget_of({{"ratelimit", "\"api\";r=1;t=99999999"}})->window, seconds(3600));
  EXPECT_FALSE(budget_of({{"ratelimit", "\"api\";t=258"}}));
  EXPECT_FALSE(budget_of({{"ratelimit", "\"api\";r=-1;t=258"}}));
  EXPECT_FALSE(budget_of({}));
}

TEST(Answers, AQuotaThatSaysNoSensibleTimeHasSome) {
  EXPECT_EQ(quota_of({{"Retry-After", "99999999999"}}).wait, seconds(3600));
  const std::string date = "Wed, 21 Oct 2026 07:28:00 GMT";
  EXPECT_EQ(quota_of({{"Retry-After", date}}).wait, seconds(10));  // since when?
  EXPECT_EQ(quota_of({{"Retry-After", date}, {"Date", "Wed, 21 Oct 2026 07:27:00 GMT"}}).wait,
            seconds(60));
  EXPECT_EQ(quota_of({{"Retry-After", date}, {"Date", "Wed, 21 Oct 2026 07:28:09 GMT"}}).wait,
            seconds(0));
  EXPECT_EQ(quota_of({}).wait, seconds(10));
}

TEST(Answers, AMissingRepoIsNamedWhereTheHubDoesNot) {
  const std::string nameless = "Invalid username or password.";
  EXPECT_EQ(error_code_of(401, {{"X-Error-Message", nameless}}), "RepoNotFound");
  EXPECT_EQ(error_code_of(401, {{"X-Error-Code", "GatedRepo"}, {"X-Error-Message", nameless}}),
            "GatedRepo");
  EXPECT_EQ(error_code_of(401, {{"X-Error-Message", "Invalid credentials"}}), "");
  EXPECT_EQ(error_code_of(404, {{"X-Error-Message", nameless}}), "");
}

TEST(Answers, RefusalsKeepWhatTheHubSaid) {
  const auto gated = refusal_of(403, "GatedRepo", "no", "");
  EXPECT_EQ(gated.kind(), Error::Kind::kForbidden);
  EXPECT_EQ(gated.hub().status, 403);
  EXPECT_EQ(gated.hub().code, "GatedRepo");
  EXPECT_EQ(refusal_of(401, "", "", "").kind(), Error::Kind::kUnauthorized);
  EXPECT_EQ(refusal_of(404, "", "", "").kind(), Error::Kind::kNotFound);
  EXPECT_EQ(trouble_of(503, "u").kind(), Error::Kind::kUpstream);
}

}  // namespace
}  // namespace hubcache::hub
