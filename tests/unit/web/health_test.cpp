#include "hubcache/web/health.h"

#include <gtest/gtest.h>

namespace hubcache::web {
namespace {

TEST(HealthTest, ReadyOnlyBetweenStartAndShutdown) {
  Health health;
  EXPECT_EQ(health.readyz().status, 503);
  health.set_ready(true);
  EXPECT_EQ(health.readyz().status, 200);
  health.set_ready(false);
  EXPECT_EQ(health.readyz().status, 503);
  EXPECT_EQ(Health::healthz().status, 200);
}

}  // namespace
}  // namespace hubcache::web
