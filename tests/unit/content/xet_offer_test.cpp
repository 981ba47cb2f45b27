#include <gtest/gtest.h>

#include "hubcache/content/xet_route.h"

namespace hubcache::content {
namespace {

TEST(XetOfferTest, XetHasLfsFilesWithBytesButNoVastOnes) {
  EXPECT_TRUE(has_xet({.size = 1, .lfs = true}));
  EXPECT_TRUE(has_xet({.size = 200'000'000'000, .lfs = true}));
  EXPECT_FALSE(has_xet({.size = 200'000'000'001, .lfs = true}));
  EXPECT_FALSE(has_xet({.size = 0, .lfs = true}));
  EXPECT_FALSE(has_xet({.size = 1, .lfs = false}));
}

}  // namespace
}  // namespace hubcache::content
