#include "hubcache/access/budgets.h"

#include <gtest/gtest.h>

#include "hubcache/base/error.h"

#include "support/clock.h"

namespace hubcache::access {
namespace {

using namespace std::chrono_literals;

class BudgetsTest : public testing::Test {
 protected:
  /// What a client is told it has to wait; 0: nothing.
  std::chrono::seconds wait_of(Budgets& budgets, const std::string& client) {
    try {
      budgets.require(client);
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), Error::Kind::kTooManyRequests);
      EXPECT_GT(error.hub().retry_after, 0s);
      return error.hub().retry_after;
    }
    return 0s;
  }
  test::FakeClock clock;
};

TEST_F(BudgetsTest, MissesAreCountedByTheHour) {
  Budgets budgets({.misses = 360}, clock);
  for (int i = 0; i < 360; ++i) {
    ASSERT_EQ(wait_of(budgets, "10.0.0.1"), 0s) << i;
    budgets.charge("10.0.0.1", 0);
  }
  EXPECT_EQ(wait_of(budgets, "10.0.0.1"), 11s);  // one each 10 s, and a second for luck
  EXPECT_EQ(wait_of(budgets, "10.0.0.2"), 0s);
  clock.advance(10s);
  EXPECT_EQ(wait_of(budgets, "10.0.0.1"), 0s);
  budgets.charge("10.0.0.1", 0);
  EXPECT_NE(wait_of(budgets, "10.0.0.1"), 0s);
}

TEST_F(BudgetsTest, OneFileIsNeverTooMuchButHasToBeWaitedForAfterwards) {
  Budgets budgets({.misses = 0, .bytes = 1'000}, clock);
  budgets.require("10.0.0.1");
  budgets.charge("10.0.0.1", 3'000);
  EXPECT_EQ(wait_of(budgets, "10.0.0.1"), 7'201s);
  clock.advance(2h + 1s);
  EXPECT_EQ(wait_of(budgets, "10.0.0.1"), 0s);
}

TEST_F(BudgetsTest, WhatIsNotUsedAddsUpToAnHoursWorth) {
  Budgets budgets({.misses = 2}, clock);
  budgets.charge("10.0.0.1", 0);
  clock.advance(100h);
  budgets.charge("10.0.0.1", 0);
  budgets.charge("10.0.0.1", 0);
  EXPECT_NE(wait_of(budgets, "10.0.0.1"), 0s);
}

TEST_F(BudgetsTest, WhatDidNotComeIsPaidBack) {
  Budgets budgets({.misses = 2, .bytes = 1'000}, clock);
  budgets.charge("10.0.0.1", 3'000);
  budgets.charge("10.0.0.1", 400);
  EXPECT_NE(wait_of(budgets, "10.0.0.1"), 0s);
  budgets.refund("10.0.0.1", 3'000);
  EXPECT_EQ(wait_of(budgets, "10.0.0.1"), 0s);
  budgets.charge("10.0.0.1", 600);
  EXPECT_NE(wait_of(budgets, "10.0.0.1"), 0s);
  for (int i = 0; i < 9; ++i) budgets.refund("10.0.0.1", 1'000);
  budgets.charge("10.0.0.1", 1'000);
  EXPECT_NE(wait_of(budgets, "10.0.0.1"), 0s) << "an hour's worth is the most there is";
}

TEST_F(BudgetsTest, ClientsOfOneIPv6NetworkShare) {
  Budgets budgets({.misses = 1}, clock);
  budgets.charge("2001:db8:1:2::1", 0);
  EXPECT_NE(wait_of(budgets, "2001:db8:1:2:ffff::2"), 0s);
  EXPECT_EQ(wait_of(budgets, "2001:db8:1:3::1"), 0s);
}

TEST_F(BudgetsTest, WithoutALimitOrAClientNothingIsCounted) {
  Budgets unlimited({.misses = 0, .bytes = 0}, clock);
  unlimited.charge("10.0.0.1", 1ULL << 50U);
  EXPECT_EQ(wait_of(unlimited, "10.0.0.1"), 0s);
  Budgets budgets({.misses = 1}, clock);
  for (int i = 0; i < 3; ++i) budgets.charge("", 0);
  EXPECT_EQ(wait_of(budgets, ""), 0s);
}

}  // namespace
}  // namespace hubcache::access
